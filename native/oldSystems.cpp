// Lets an addon that was built here run where the C library is as old as PyTorch's wheels allow (2.28).

// Since glibc 2.32, libstdc++'s shared_ptr asks this whether it needs atomic operations: here it always does.
extern "C" __attribute__((visibility("hidden"))) char __libc_single_threaded;
char __libc_single_threaded = 0;
