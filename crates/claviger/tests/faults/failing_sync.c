/* While the file that FAILING_SYNC names is there, nothing can be brought to the disk: syncing
   fails as it does when a disk breaks. Loaded before the C library's own (LD_PRELOAD). */
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void) {
    const char *mark = getenv("FAILING_SYNC");
    return mark != NULL && access(mark, F_OK) == 0;
}

static int sync_by(long call, int file) {
    if (fails()) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, file);
}

int fsync(int file) { return sync_by(SYS_fsync, file); }
int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }
