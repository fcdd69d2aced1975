'use client'
import { cn, Input } from '@gantry/ui'
import { Eye, EyeOff } from 'lucide-react'
import { type ComponentProps, useState } from 'react'
import { useTranslations } from 'use-intl'

/** A password that can be looked at. */
export function PasswordInput({ className, ...props }: ComponentProps<typeof Input>) {
  const t = useTranslations('auth')
  const [shown, setShown] = useState(false)
  return (
    <div className="relative">
      <Input {...props} type={shown ? 'text' : 'password'} className={cn('h-10 pr-10', className)} />
      <button
        type="button"
        aria-pressed={shown}
        aria-label={t('showPassword')}
        onClick={() => setShown(!shown)}
        className="absolute top-1 right-1 grid size-8 place-items-center rounded-sm text-muted hover:bg-hover [&_svg]:size-4"
      >
        {shown ? <EyeOff aria-hidden /> : <Eye aria-hidden />}
      </button>
    </div>
  )
}
