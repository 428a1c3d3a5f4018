/* A disk that fails as it is told to, loaded before the C library's own calls (LD_PRELOAD).

   While the file that BROKEN_DISK names is there, nothing can be brought to the disk: syncing fails
   as it does when a disk breaks. While the file that DISK_ROOM names is there, its number is how
   many bytes all files together may still grow by, from the start of the process on: what would grow
   further finds no space left, and overwriting goes on, as on a full disk. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_llong grown;

/* -1 where there is no limit. */
static long long room(void) {
    const char *name = getenv("DISK_ROOM");
    if (name == NULL) return -1;
    int file = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDONLY | O_CLOEXEC);
    if (file < 0) return -1;
    char text[32] = {0};
    long got = syscall(SYS_read, file, text, sizeof text - 1);
    syscall(SYS_close, file);
    return got > 0 ? atoll(text) : -1;
}

/* Whether a file may be written up to `end`. */
static int has_room(int file, long long end) {
    struct stat now;
    if (fstat(file, &now) != 0 || !S_ISREG(now.st_mode) || end <= now.st_size) return 1;
    long long more = end - now.st_size, most = room();
    if (most >= 0 && atomic_load(&grown) + more > most) {
        errno = ENOSPC;
        return 0;
    }
    atomic_fetch_add(&grown, more);
    return 1;
}

/* The end of what is written at the file's own position. */
static long long after(int file, size_t size) {
    int flags = fcntl(file, F_GETFL);
    off_t at = lseek(file, 0, flags >= 0 && (flags & O_APPEND) ? SEEK_END : SEEK_CUR);
    return at < 0 ? 0 : (long long)at + (long long)size;
}

ssize_t write(int file, const void *bytes, size_t size) {
    return has_room(file, after(file, size)) ? syscall(SYS_write, file, bytes, size) : -1;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    size_t size = 0;
    for (int at = 0; at < count; at++) size += parts[at].iov_len;
    return has_room(file, after(file, size)) ? syscall(SYS_writev, file, parts, count) : -1;
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    return has_room(file, (long long)at + (long long)size)
               ? syscall(SYS_pwrite64, file, bytes, size, at)
               : -1;
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    return pwrite(file, bytes, size, (off_t)at);
}

static int sync_by(long call, int file) {
    const char *mark = getenv("BROKEN_DISK");
    if (mark != NULL && access(mark, F_OK) == 0) {
        errno = EIO;
        return -1;
    }
    return (int)syscall(call, file);
}

int fsync(int file) { return sync_by(SYS_fsync, file); }
int fdatasync(int file) { return sync_by(SYS_fdatasync, file); }
