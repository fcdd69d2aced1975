/*
 * gantry-unpack: reads image layers and archives, and copies image content into volumes.
 *
 *   gantry-unpack layer   TARGET MAX_BYTES MAX_RATIO MAX_ENTRIES RESERVE_BYTES [SHA256]  < layer tar, plain or compressed
 *   gantry-unpack apply   …                      as `layer`, into a folder that has the layers below in it: whiteouts remove
 *   gantry-unpack archive TARGET MAX_BYTES MAX_RATIO MAX_ENTRIES RESERVE_BYTES   < image archive, plain or compressed,
 *                                                    or a socket whose first message carries the descriptor to read
 *   gantry-unpack copy    TARGET PATH LOWER_DIR...                               (topmost first)
 *   gantry-unpack clone   TARGET FOLDER                                          (as copy, but not flushed)
 *   gantry-unpack subvolume PATH, snapshot SOURCE PATH, remove-subvolume PATH     (btrfs)
 *   gantry-unpack sync    FOLDER                                                 (the file system it lies on)
 *
 * TARGET is an empty folder; whoever calls removes it when the program fails, the program itself undoes nothing.
 * Reports are JSON lines on descriptor 3: {"event":"progress"|"file"|"link"|"skipped"|"done"|"error",...}.
 *
 * What is read is hostile. The process sits in a mount namespace whose root is TARGET (nosuid, nodev, noexec), with the few
 * capabilities that making files needs, behind a list of allowed system calls; and every name is opened component by component from
 * the descriptor of its folder, so that no symbolic link is followed by accident even inside.
 */
#ifndef GANTRY_UNPACK_H
#define GANTRY_UNPACK_H

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#define UNPACK_REPORT_FD 3
/* Longest name of an entry, and how many folders deep it may lie. */
#define UNPACK_PATH_MAX 4096
#define UNPACK_DEPTH_MAX 256
/* All extended attributes of one entry together; ext4 keeps at most one block of 4 KiB, xfs 64 KiB per value. */
#define UNPACK_XATTR_MAX (64 * 1024)
/* The ratio of a bomb is looked at only from here on: small files of zeros compress a thousandfold. */
#define UNPACK_RATIO_FROM (64ull << 20)

struct unpack_limits {
	uint64_t max_bytes;
	uint64_t max_ratio;
	uint64_t max_entries;
	uint64_t reserve_bytes;
};

/* What sort of failure a report tells of; TypeScript maps it to an error code. */
#define KIND_REFUSED "refused" /* an entry tries to leave the layer, or asks for what no layer may */
#define KIND_DAMAGED "damaged" /* truncated or not an archive at all */
#define KIND_LIMIT "limit"     /* a bound that protects the machine: entries, ratio, path, xattr */
#define KIND_SIZE "size"       /* the caller's bound on bytes */
#define KIND_IO "io"           /* the machine's own failure; errno says which */

/* unpack_report.c */
_Noreturn void fail(const char *kind, const char *step, int errnum, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void report(const char *event, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Writes `text` as the inside of a JSON string into one of a few rotating buffers. */
const char *json(const char *text);

/* unpack_sandbox.c */
/* A number of the command line; anything else ends the program. */
uint64_t parse_number(const char *text);
/* Loads now, from the host, what the libraries load lazily: later the root is another one. */
void sandbox_load_early(void);
void sandbox_limits(void);
/* Makes a private mount namespace; nothing mounted from here on is seen by the rest of the machine. */
void sandbox_namespace(void);
/* Makes `target` the root of this process and returns a descriptor of it. */
int sandbox_enter(const char *target);
/* Drops capabilities and forbids every system call that writing a tree does not need. Last step before input is read. */
void sandbox_close(void);

/* unpack_ring.c: bytes from one thread to another. */
#define RING_SLOT_BYTES (512 * 1024)
struct ring;
struct ring *ring_new(unsigned slots);
void ring_free(struct ring *r);
/* Copies `data`, waiting for room. */
void ring_put(struct ring *r, const void *data, size_t size);
void ring_end(struct ring *r);
/* The next bytes, good until the next call; gives back those handed out before. Returns their number, 0 at the end. */
size_t ring_take(struct ring *r, const void **data);

/* unpack_stream.c: the input, decompressed and hashed by a thread of its own. */
struct stream;
struct stream_result {
	uint64_t given_bytes;
	uint64_t tar_bytes;
	char digest[65];
	char diff_id[65];
};
/*
 * `hash`: make the digests of `stream_result`; without, they stay empty. `trusted` (or NULL): the digest of the input, when whoever
 * wrote it has just made sure of it; then plain input is not hashed a second time.
 */
struct stream *stream_open(int fd, const struct unpack_limits *limits, bool hash, const char *trusted);
/* The same on bytes that another thread puts into a ring. */
struct stream *stream_open_fed(struct ring *fed, const struct unpack_limits *limits);
/* A tar reader on the stream. */
struct archive *stream_tar(struct stream *s);
/* Reads what follows the end of the tar, frees the stream and returns the counts and hashes. */
struct stream_result stream_finish(struct stream *s);
/* Reports progress when enough has been read since the last time. */
void stream_progress(struct stream *s);
/* Next entry, or NULL at the end; damage and too many entries end the program. */
struct archive_entry *stream_next(struct archive *tar, const struct unpack_limits *limits, uint64_t *entries);
/*
 * Docker's client sends build contexts that end with the last byte of the last file, without the padding and the end that a tar has.
 * `size`: of the current entry; an input that ends right behind it is complete then, and stream_was_cut() says so.
 */
void stream_forgive_end(struct stream *s, int64_t size);
bool stream_was_cut(const struct stream *s);
/* Writes the data of the current entry to `fd`, calling `each` (or NULL) on every block. Returns the bytes written. */
uint64_t stream_copy_data(struct stream *s, struct archive *tar, int fd, const char *path, void (*each)(void *, const void *, size_t),
			  void *context);

/* unpack_tree.c: names below the target, each folder opened once. */
struct tree_level {
	int fd;
	char name[256];
};
struct tree {
	int root;
	int depth;
	struct tree_level levels[UNPACK_DEPTH_MAX];
};
struct tree_name {
	char text[UNPACK_PATH_MAX];
	int count;
	char *parts[UNPACK_DEPTH_MAX];
};
enum tree_links { TREE_FOLLOW_INSIDE, TREE_NO_LINKS };
/* Splits and checks an entry's name: no absolute path, no "..", no empty name unless it is the root itself (count 0). */
void tree_parse(struct tree_name *name, const char *path, const char *what);
/* Descriptor of the folder that holds the last part; made when missing (`make`), else -1. Owned by the tree. */
int tree_parent(struct tree *tree, const struct tree_name *name, enum tree_links links, bool make);
/* Descriptor of the folder `name` itself, owned by the tree, or -1. */
int tree_folder(struct tree *tree, const struct tree_name *name);
/* Forgets descriptors of the folder `name` and what is below it: it has been replaced. */
void tree_forget(struct tree *tree, const struct tree_name *name);
bool is_whiteout(const struct stat *st);

/* unpack_apply.c: names that the layer being applied wrote, and removing what lies below it. */
struct written_names {
	void *names;
};
void written_add(struct written_names *written, const struct tree_name *name);
bool written_has(const struct written_names *written, const struct tree_name *name);
/* `part` of the folder `parent` and all below, following no link; it may be missing. */
void remove_below(int parent, const char *part, const char *path);
/* What the layer did not write: of `name`, the last part of which lies in `parent`; of the folder `name`. */
void remove_lower(struct written_names *written, int parent, const struct tree_name *name);
void remove_lower_content(struct written_names *written, int folder, const struct tree_name *name);

/* unpack_btrfs.c */
void btrfs_create(const char *path);
void btrfs_snapshot(const char *source, const char *path);
void btrfs_remove(const char *path);

/* unpack_layer.c, unpack_archive.c, unpack_copy.c */
void unpack_layer(int root, const struct unpack_limits *limits, const char *trusted, bool apply);
struct layer_result {
	struct stream_result stream;
	uint64_t file_bytes, entries, skipped;
};
/*
 * Writes the layer that comes from `stream` below the empty folder `root`, or with `apply` below one that has the layers below in it;
 * one at a time in a process.
 */
struct layer_result write_layer(int root, const struct unpack_limits *limits, struct stream *stream, bool apply);
void unpack_archive(int root, const struct unpack_limits *limits);
void unpack_copy(const char *target, const char *path, char **lowers, int count, bool flush);

/* Keeps what a file may carry from an image: user.* and file capabilities. */
bool xattr_allowed(const char *name);
/* Ends the program with "no space" when less than the reserve is left. */
void check_reserve(int fd, const struct unpack_limits *limits);

#endif
