'use client'
import { Toaster as Sonner } from 'sonner'

export { toast } from 'sonner'

export function Toaster({ theme, label, closeLabel }: { theme: 'light' | 'dark' | 'system'; label: string; closeLabel: string }) {
  return (
    <Sonner
      theme={theme}
      position="bottom-right"
      containerAriaLabel={label}
      closeButton
      gap={8}
      offset={16}
      mobileOffset={12}
      toastOptions={{
        closeButtonAriaLabel: closeLabel,
        classNames: {
          toast: '!rounded-lg !border !border-line !bg-raised !text-fg !shadow-pop !font-sans !text-[13px] !items-start',
          title: '!font-medium',
          description: '!text-muted !text-xs whitespace-pre-wrap break-words',
          closeButton: '!bg-raised !border-line !text-muted',
          success: '[&_[data-icon]]:!text-ok',
          error: '[&_[data-icon]]:!text-bad',
          warning: '[&_[data-icon]]:!text-warn',
        },
      }}
    />
  )
}
