#ifndef SS_PEER_CSVZIP_H
#define SS_PEER_CSVZIP_H

struct ss_err;

/*
 * Look over a zip's central directory (APPNOTE 4.3.12) for names that hold a
 * NUL byte.  libarchive hands a name out up to its first NUL, so that "a.csv"
 * may be something else to every other program that opens the file.  The
 * descriptor's offset stays.  0 none found, or no directory to look at (the
 * reader will say so); -1 one found, with *err.
 */
int csvzip_names(int fd, const char *what, struct ss_err *err);

#endif /* !SS_PEER_CSVZIP_H */
