/** Headers of a file that the browser saves and never shows. */
export function attachment(name: string): Record<string, string> {
  const safe = name.replace(/[^a-zA-Z0-9_.-]/g, '_')
  return { 'content-disposition': `attachment; filename="${safe}"`, 'cache-control': 'no-store' }
}
