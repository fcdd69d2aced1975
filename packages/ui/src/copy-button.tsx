'use client'
import { Check, Copy } from 'lucide-react'
import { useEffect, useState } from 'react'
import { IconButton } from './button.tsx'
import { cn } from './cn.ts'

/** Copies `text`; the tick and the read-out say that it worked. Outside https it falls back to a selection. */
export function CopyButton({ text, label, doneLabel, className }: { text: string; label: string; doneLabel: string; className?: string }) {
  const [done, setDone] = useState(false)
  useEffect(() => {
    if (!done) return
    const timer = setTimeout(() => setDone(false), 1500)
    return () => clearTimeout(timer)
  }, [done])
  return (
    <IconButton
      label={done ? doneLabel : label}
      size="icon-sm"
      className={cn('text-muted', className)}
      onClick={() => copyText(text).then(setDone)}
    >
      {done ? <Check className="text-ok" aria-hidden /> : <Copy aria-hidden />}
    </IconButton>
  )
}

/** True when the text reached the clipboard. */
export async function copyText(text: string): Promise<boolean> {
  if (navigator.clipboard) {
    try {
      await navigator.clipboard.writeText(text)
      return true
    } catch {
      // refused (no permission or not focused): try the older way below
    }
  }
  const area = document.createElement('textarea')
  area.value = text
  area.style.position = 'fixed'
  area.style.opacity = '0'
  document.body.append(area)
  area.select()
  const copied = document.execCommand('copy')
  area.remove()
  return copied
}
