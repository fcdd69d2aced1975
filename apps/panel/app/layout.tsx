import './globals.css'
import 'uplot/dist/uPlot.min.css'
import '@xterm/xterm/css/xterm.css'
import { GeistMono } from 'geist/font/mono'
import { GeistSans } from 'geist/font/sans'
import type { Metadata, Viewport } from 'next'
import { cookies, headers } from 'next/headers'
import type { ReactNode } from 'react'
import { chooseLocale, localeCookie } from '@/lib/locale.ts'
import { nonceOf } from '@/lib/nonce.ts'
import { messagesOf } from '@/lib/messages.ts'
import { Providers } from '@/lib/providers.tsx'

export const metadata: Metadata = { title: { default: 'Gantry', template: '%s · Gantry' }, referrer: 'no-referrer' }
export const viewport: Viewport = { width: 'device-width', initialScale: 1, colorScheme: 'light dark' }

/** Rendered per request: language from the cookie, script nonce from the policy that the gateway has set. */
export default async function RootLayout({ children }: { children: ReactNode }) {
  const [cookieStore, headerStore] = await Promise.all([cookies(), headers()])
  const locale = chooseLocale(cookieStore.get(localeCookie)?.value, headerStore.get('accept-language'))
  return (
    <html lang={locale === 'zh' ? 'zh-CN' : 'en'} className={`${GeistSans.variable} ${GeistMono.variable}`} suppressHydrationWarning>
      <body>
        <Providers locale={locale} messages={messagesOf(locale)} nonce={nonceOf(headerStore.get('content-security-policy'))}>
          {children}
        </Providers>
      </body>
    </html>
  )
}
