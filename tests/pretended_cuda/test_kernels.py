"""The tests of kernels on a real GPU run on the pretended one too: they would fail on it alike if they were wrong."""

from tests.core.kernels.test_on_cuda import (  # noqa: F401
    test_a_field_in_half_precision_is_close_to_the_cpus_in_float32,
    test_a_march_in_one_launch_keeps_what_it_keeps_on_the_cpu,
    test_a_march_in_one_launch_synchronises_once,
    test_marches_take_the_same_samples,
    test_only_the_number_of_samples_waits_for_the_gpu,
    test_values_and_gradients_equal_the_cpus,
)
