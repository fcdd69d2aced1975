'use client'
import { TooltipProvider } from '@gantry/ui'
import { QueryClientProvider } from '@tanstack/react-query'
import { ThemeProvider } from 'next-themes'
import { NuqsAdapter } from 'nuqs/adapters/next/app'
import { type ReactNode, useState } from 'react'
import { IntlProvider } from 'use-intl'
import type { Locale } from './locale.ts'
import type { Messages } from './messages.ts'
import { Notifications } from './notifications.tsx'
import { makeQueryClient } from './query-client.ts'
import { makeTrpcClient, TRPCProvider } from './trpc.ts'

export function Providers(props: { locale: Locale; messages: Messages; nonce: string | undefined; children: ReactNode }) {
  const [queryClient] = useState(makeQueryClient)
  const [trpcClient] = useState(makeTrpcClient)
  return (
    <ThemeProvider
      attribute="class"
      defaultTheme="system"
      enableSystem
      disableTransitionOnChange
      {...(props.nonce ? { nonce: props.nonce } : {})}
    >
      <IntlProvider locale={props.locale} messages={props.messages} timeZone="UTC">
        <QueryClientProvider client={queryClient}>
          <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
            <NuqsAdapter>
              <TooltipProvider>{props.children}</TooltipProvider>
            </NuqsAdapter>
          </TRPCProvider>
        </QueryClientProvider>
        <Notifications />
      </IntlProvider>
    </ThemeProvider>
  )
}
