const browsers: [pattern: RegExp, name: string][] = [
  [/Edg\/(\d+)/, 'Edge'],
  [/OPR\/(\d+)/, 'Opera'],
  [/Firefox\/(\d+)/, 'Firefox'],
  [/(?:Headless)?Chrome\/(\d+)/, 'Chrome'],
  [/Version\/(\d+).*Safari/, 'Safari'],
]
const systems: [pattern: RegExp, name: string][] = [
  [/Android/, 'Android'],
  [/iPhone|iPad/, 'iOS'],
  [/Windows/, 'Windows'],
  [/Mac OS X/, 'macOS'],
  [/Linux/, 'Linux'],
]

/** `Firefox 140, Linux` out of a user agent; what is not known is shown as it is. */
export function browserName(userAgent: string): string {
  const browser = browsers.find(([pattern]) => pattern.test(userAgent))
  if (!browser) return userAgent.slice(0, 60) || '–'
  const system = systems.find(([pattern]) => pattern.test(userAgent))
  return `${browser[1]} ${browser[0].exec(userAgent)?.[1]}${system ? `, ${system[1]}` : ''}`
}
