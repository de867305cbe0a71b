"""What every kernel needs: devices, launching, the thread pool. Knows no operation."""
