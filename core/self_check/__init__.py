"""The self-check of a GPU: do its kernels compute what the CPU's do? What doesn't is replaced, or the CPU is used."""
