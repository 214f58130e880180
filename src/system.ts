/** Why the system refuses a file or a directory, in words for people. */

const REASONS: Record<string, string> = {
  EACCES: 'this needs more rights than the program has',
  EPERM: 'this needs more rights than the program has',
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of this path is a file, not a directory',
  EEXIST: 'it is a file, not a directory', // of mkdir, whose directory may be there already
  EISDIR: 'it is a directory, not a file',
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk is full',
  EFBIG: 'the system allows no larger file',
  EROFS: 'the disk is read-only',
}

/** Goes after a colon, and has no full stop. */
export function systemReason(error: unknown): string {
  return REASONS[(error as NodeJS.ErrnoException).code ?? ''] ?? (error as Error).message
}

/** Whether it is the system that refuses, and not a bug. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error
}
