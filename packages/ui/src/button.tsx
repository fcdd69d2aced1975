'use client'
import { cva, type VariantProps } from 'class-variance-authority'
import { LoaderCircle } from 'lucide-react'
import { Slot } from 'radix-ui'
import type { ComponentProps } from 'react'
import { cn } from './cn.ts'

const look = cva(
  'inline-flex shrink-0 select-none items-center justify-center gap-1.5 whitespace-nowrap rounded-md font-medium transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-50 disabled:cursor-not-allowed disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0',
  {
    variants: {
      variant: {
        primary: 'bg-accent text-accent-fg enabled:hover:bg-accent-hover',
        secondary: 'border border-line-strong/60 bg-raised text-fg enabled:hover:bg-hover',
        ghost: 'text-fg enabled:hover:bg-hover',
        danger: 'bg-bad text-bad-fg enabled:hover:bg-bad-hover',
        'danger-ghost': 'text-bad enabled:hover:bg-bad-soft',
        link: 'h-auto px-0 text-accent underline-offset-4 hover:underline',
      },
      size: { sm: 'h-7 px-2 text-[13px]', md: 'h-8 px-3 text-[13px]', lg: 'h-10 px-4 text-sm', icon: 'size-8', 'icon-sm': 'size-7' },
    },
    defaultVariants: { variant: 'secondary', size: 'md' },
  },
)

export type ButtonProps = ComponentProps<'button'> & VariantProps<typeof look> & { asChild?: boolean; pending?: boolean }

/** `pending` keeps the width's content, shows a spinner and refuses clicks. */
export function Button({ className, variant, size, asChild, pending, children, disabled, type, ...props }: ButtonProps) {
  const classes = cn(look({ variant, size }), className)
  if (asChild)
    return (
      <Slot.Root className={cn(classes, 'hover:bg-hover', variant === 'primary' && 'hover:bg-accent-hover')} {...props}>
        {children}
      </Slot.Root>
    )
  return (
    <button type={type ?? 'button'} className={classes} disabled={disabled || pending} aria-busy={pending || undefined} {...props}>
      {pending ? <LoaderCircle className="animate-spin" aria-hidden /> : null}
      {children}
    </button>
  )
}

/** An icon alone always carries its name. */
export function IconButton({ label, ...props }: ButtonProps & { label: string }) {
  return <Button variant="ghost" size="icon" aria-label={label} title={label} {...props} />
}
