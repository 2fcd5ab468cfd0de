/* Preloaded into a process: logs everything that changes files under a folder, in order, with its data; and makes chosen calls
 * fail, or kills the process at one.
 *
 *     RECORDER_ROOT   the folder, without a trailing slash        RECORDER_LOG   the log, appended to
 *
 * One call at a time: the lock is held over the call and its record, so the log's order is the order in which it happened. What
 * changes a file there in a way that this file does not know is logged as '?', and the reader of the log refuses it.
 * SQLite's -shm is left out: its first opener after a crash begins it anew (sqlite.org/walformat.html, 2.1).
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITES = 1, SYNCS = 2, OPENS = 4, TRUNCATES = 8, NAMES = 16 }; /* kinds of call that a fault may choose */

struct record { /* little-endian machines alone; tests/crash/recording.py reads it */
    uint64_t inode, place; /* place: offset of a write, new size, inode of the folder for a name */
    uint32_t op, length;   /* length of what follows: the data, or a path, or two with a NUL between */
};

static pthread_mutex_t lock = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;
static char root[PATH_MAX];
static size_t root_length;
static int log_file = -1;
static unsigned fault_kinds, fault_first, fault_count, fault_seen;
static int fault_errno;

#define REAL(name) ((__typeof__(&name))real(#name))
static void *real(const char *name) { return dlsym(RTLD_NEXT, name); }

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("RECORDER_ROOT"), *path = getenv("RECORDER_LOG");
    if (folder && realpath(folder, root)) root_length = strlen(root);
    if (path) log_file = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

static void put(char op, uint64_t inode, uint64_t place, const void *data, size_t length) {
    struct record head = {inode, place, (uint32_t)op, (uint32_t)length};
    struct iovec parts[2] = {{&head, sizeof head}, {(void *)data, length}};
    if (log_file >= 0 && syscall(SYS_writev, log_file, parts, 2) != (long)(sizeof head + length)) abort();
}

/* Called by the workload. */
void recorder_mark(const char *text) {
    pthread_mutex_lock(&lock);
    put('!', 0, 0, text, strlen(text));
    pthread_mutex_unlock(&lock);
}

/* From call number `first` (1 is the next) of these kinds, `count` of them fail with `error`; error 0: kill -9 at the first. */
void recorder_fault(unsigned kinds, unsigned first, unsigned count, int error) {
    pthread_mutex_lock(&lock);
    fault_kinds = kinds, fault_first = first, fault_count = count, fault_errno = error, fault_seen = 0;
    pthread_mutex_unlock(&lock);
}

unsigned recorder_seen(void) { return fault_seen; }

static int fails(unsigned kind) {
    if (!(fault_kinds & kind)) return 0;
    unsigned call = ++fault_seen;
    if (call < fault_first || call - fault_first >= fault_count) return 0;
    if (!fault_errno) raise(SIGKILL);
    errno = fault_errno;
    return 1;
}

static int is_index(const char *path) {
    size_t length = strlen(path);
    return length > 4 && !strcmp(path + length - 4, "-shm");
}

/* The path below the root, "" for the root itself, NULL for anything outside. */
static const char *below(const char *path) {
    if (!root_length || strncmp(path, root, root_length)) return NULL;
    if (!path[root_length]) return path + root_length;
    return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static const char *named(int folder, const char *path, char *buffer) {
    if (path[0] == '/') return below(path);
    char there[PATH_MAX], link[64];
    if (folder == AT_FDCWD) strcpy(link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    ssize_t got = readlink(link, there, sizeof there - 1);
    if (got < 0) return NULL;
    there[got] = 0;
    if (snprintf(buffer, PATH_MAX, "%s/%s", there, path) >= PATH_MAX) abort();
    return below(buffer);
}

/* Whether the descriptor is a file or folder of ours; its inode. */
static const char *held(int file, char *buffer, struct stat *found) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t got = root_length ? readlink(link, buffer, PATH_MAX - 1) : -1;
    if (got < 0 || file == log_file) return NULL;
    buffer[got] = 0;
    const char *deleted = strstr(buffer, " (deleted)");
    if (deleted) buffer[deleted - buffer] = 0;
    return fstat(file, found) ? NULL : below(buffer);
}

static uint64_t inode_of(const char *path) {
    struct stat found;
    return lstat(path, &found) ? 0 : found.st_ino;
}

static int open_any(int folder, const char *path, int flags, mode_t mode) {
    char buffer[PATH_MAX];
    struct stat before;
    int (*call)(int, const char *, int, ...) = REAL(openat);
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    const char *name = writes ? named(folder, path, buffer) : NULL;
    if (!name) return call(folder, path, flags, mode);
    pthread_mutex_lock(&lock);
    int there = !fstatat(folder, path, &before, 0);
    int file = fails(OPENS) ? -1 : call(folder, path, flags, mode);
    int error = errno;
    struct stat after;
    if (file >= 0 && !is_index(name) && !fstat(file, &after)) {
        if (!there) put('c', after.st_ino, 0, name, strlen(name));
        else if (flags & O_TRUNC && before.st_size) put('t', after.st_ino, 0, "", 0);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return file;
}

#define OPENS_WITH_MODE(name, folder_parameter, folder)                    \
    int name(folder_parameter const char *path, int flags, ...) {          \
        mode_t mode = 0;                                                   \
        if (flags & (O_CREAT | __O_TMPFILE)) {                             \
            va_list rest;                                                  \
            va_start(rest, flags);                                         \
            mode = va_arg(rest, mode_t);                                   \
            va_end(rest);                                                  \
        }                                                                  \
        return open_any(folder, path, flags, mode);                        \
    }
#define COMMA ,
OPENS_WITH_MODE(open, , AT_FDCWD)
OPENS_WITH_MODE(open64, , AT_FDCWD)
OPENS_WITH_MODE(openat, int folder COMMA, folder)
OPENS_WITH_MODE(openat64, int folder COMMA, folder)
int creat(const char *path, mode_t mode) { return open_any(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, mode); }

static ssize_t write_at(int file, const void *data, size_t length, off_t offset, int positioned) {
    char buffer[PATH_MAX];
    struct stat found;
    const char *name = held(file, buffer, &found);
    if (!name || !S_ISREG(found.st_mode))
        return positioned ? REAL(pwrite64)(file, data, length, offset) : REAL(write)(file, data, length);
    pthread_mutex_lock(&lock);
    ssize_t done = -1;
    if (!positioned) offset = fcntl(file, F_GETFL) & O_APPEND ? found.st_size : lseek(file, 0, SEEK_CUR);
    int failed = fails(WRITES);
    if (failed && errno == ENOSPC && length > 1 && fault_seen == fault_first) failed = 0, length /= 2; /* what still fits */
    if (!failed) done = positioned ? REAL(pwrite64)(file, data, length, offset) : REAL(write)(file, data, length);
    int error = errno;
    if (done > 0 && !is_index(name)) put('w', found.st_ino, (uint64_t)offset, data, (size_t)done);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

ssize_t write(int file, const void *data, size_t length) { return write_at(file, data, length, 0, 0); }
ssize_t pwrite(int file, const void *data, size_t length, off_t offset) { return write_at(file, data, length, offset, 1); }
ssize_t pwrite64(int file, const void *data, size_t length, off_t offset) { return write_at(file, data, length, offset, 1); }

static int truncate_to(int file, off_t size) {
    char buffer[PATH_MAX];
    struct stat found;
    const char *name = held(file, buffer, &found);
    if (!name) return REAL(ftruncate64)(file, size);
    pthread_mutex_lock(&lock);
    int done = fails(TRUNCATES) ? -1 : REAL(ftruncate64)(file, size), error = errno;
    if (!done && !is_index(name)) put('t', found.st_ino, (uint64_t)size, "", 0);
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int ftruncate(int file, off_t size) { return truncate_to(file, size); }
int ftruncate64(int file, off_t size) { return truncate_to(file, size); }

static int sync_file(int file, int (*call)(int)) {
    char buffer[PATH_MAX];
    struct stat found;
    const char *name = held(file, buffer, &found);
    if (!name) return call(file);
    pthread_mutex_lock(&lock);
    int done = fails(SYNCS) ? -1 : call(file), error = errno;
    put(done ? 'x' : S_ISDIR(found.st_mode) ? 'd' : 's', found.st_ino, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int fsync(int file) { return sync_file(file, REAL(fsync)); }
int fdatasync(int file) { return sync_file(file, REAL(fdatasync)); }

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    char first[PATH_MAX], second[PATH_MAX], both[2 * PATH_MAX];
    const char *old = named(from_folder, from, first), *new = named(to_folder, to, second);
    if (!old && !new) return REAL(renameat)(from_folder, from, to_folder, to);
    pthread_mutex_lock(&lock);
    int done = fails(NAMES) ? -1 : REAL(renameat)(from_folder, from, to_folder, to), error = errno;
    if (!done) {
        int length = snprintf(both, sizeof both, "%s%c%s", old ? old : "?", 0, new ? new : "?");
        put(old && new ? 'r' : '?', 0, 0, both, (size_t)length);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int rename(const char *from, const char *to) { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

static int remove_name(int folder, const char *path, int flags) {
    char buffer[PATH_MAX];
    const char *name = named(folder, path, buffer);
    if (!name) return REAL(unlinkat)(folder, path, flags);
    pthread_mutex_lock(&lock);
    int done = fails(NAMES) ? -1 : REAL(unlinkat)(folder, path, flags), error = errno;
    if (!done && !is_index(name)) put('u', 0, 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int unlinkat(int folder, const char *path, int flags) { return remove_name(folder, path, flags); }
int unlink(const char *path) { return remove_name(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return remove_name(AT_FDCWD, path, AT_REMOVEDIR); }

int mkdirat(int folder, const char *path, mode_t mode) {
    char buffer[PATH_MAX];
    const char *name = named(folder, path, buffer);
    if (!name) return REAL(mkdirat)(folder, path, mode);
    pthread_mutex_lock(&lock);
    int done = fails(NAMES) ? -1 : REAL(mkdirat)(folder, path, mode), error = errno;
    if (!done) put('m', inode_of(path), 0, name, strlen(name));
    pthread_mutex_unlock(&lock);
    errno = error;
    return done;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

/* What would change a file unseen. Marked in the log, done all the same. */
static void unknown(int file, const char *call) {
    char buffer[PATH_MAX];
    struct stat found;
    const char *name = file < 0 ? NULL : held(file, buffer, &found);
    if (name && S_ISREG(found.st_mode) && !is_index(name)) put('?', found.st_ino, 0, call, strlen(call));
}

#define UNKNOWN(type, name, parameters, arguments) \
    type name parameters { unknown(file, #name); return REAL(name) arguments; }
UNKNOWN(ssize_t, writev, (int file, const struct iovec *v, int n), (file, v, n))
UNKNOWN(ssize_t, pwritev, (int file, const struct iovec *v, int n, off_t at), (file, v, n, at))
UNKNOWN(int, fallocate, (int file, int how, off_t at, off_t n), (file, how, at, n))
UNKNOWN(int, fallocate64, (int file, int how, off_t at, off_t n), (file, how, at, n))
UNKNOWN(int, posix_fallocate, (int file, off_t at, off_t n), (file, at, n))
UNKNOWN(int, posix_fallocate64, (int file, off_t at, off_t n), (file, at, n))
UNKNOWN(ssize_t, sendfile, (int file, int from, off_t *at, size_t n), (file, from, at, n))
UNKNOWN(ssize_t, sendfile64, (int file, int from, off_t *at, size_t n), (file, from, at, n))

ssize_t copy_file_range(int from, off_t *at, int file, off_t *to, size_t n, unsigned how) {
    unknown(file, "copy_file_range");
    return REAL(copy_file_range)(from, at, file, to, n, how);
}

void *mmap64(void *at, size_t n, int protection, int flags, int file, off_t offset) {
    if (protection & PROT_WRITE && flags & MAP_SHARED) unknown(file, "mmap");
    return REAL(mmap64)(at, n, protection, flags, file, offset);
}

void *mmap(void *at, size_t n, int protection, int flags, int file, off_t offset) {
    return mmap64(at, n, protection, flags, file, offset);
}
