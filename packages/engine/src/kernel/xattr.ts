import koffi from 'koffi'

const libc = koffi.load('libc.so.6')
const lgetxattr = libc.func('long lgetxattr(const char *path, const char *name, _Out_ uint8_t *value, size_t size)')

/** Value of an extended attribute, links not followed; undefined when there is none, or it is longer than 255 bytes (getxattr(2)). */
export function extendedAttribute(path: string, name: string): string | undefined {
  const value = Buffer.alloc(255)
  const length = Number(lgetxattr(path, name, value, value.length))
  return length < 0 ? undefined : value.toString('utf8', 0, length)
}
