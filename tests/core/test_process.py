from core.process import package_version


def test_a_package_that_is_not_installed_has_no_version():
    assert package_version("torch")
    assert package_version("no-such-package-of-ours") is None
