import type { ServerResponse } from 'node:http'

const always = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), browsing-topics=()',
}

/** Headers of every answer; `hsts` where browsers come by https. */
export function setSecurityHeaders(response: ServerResponse, hsts: boolean): void {
  for (const [name, value] of Object.entries(always)) response.setHeader(name, value)
  if (hsts) response.setHeader('strict-transport-security', 'max-age=31536000; includeSubDomains')
}

/** Pages run the scripts that carry `nonce` and what those load; nothing else runs, frames or submits elsewhere. */
export function contentSecurityPolicy(nonce: string, dev: boolean): string {
  return [
    "default-src 'self'",
    `script-src 'self' 'nonce-${nonce}' 'strict-dynamic'${dev ? " 'unsafe-eval'" : ''}`,
    // Libraries set style attributes and elements while they run (charts, terminal, toasts).
    "style-src 'self' 'unsafe-inline'",
    "img-src 'self' data: blob:",
    "font-src 'self' data:",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; ')
}
