"""What every kernel needs, whatever it computes: devices, launching, the thread pool."""
