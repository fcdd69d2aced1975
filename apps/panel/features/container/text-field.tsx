'use client'
import { Field, Input } from '@gantry/ui'
import type { ComponentProps, ReactNode } from 'react'
import { type Path, useFormContext } from 'react-hook-form'
import type { CreateValues } from './create-values.ts'
import { messageAt } from './field-message.ts'

/** One line of text of the form, with its label, hint and error. */
export function TextField({
  name,
  label,
  hint,
  className,
  mono,
  ...input
}: { name: Path<CreateValues>; label: ReactNode; hint?: ReactNode; mono?: boolean } & Omit<ComponentProps<typeof Input>, 'name'>) {
  const { register, formState } = useFormContext<CreateValues>()
  const message = messageAt(formState.errors, name)
  return (
    <Field label={label} description={hint} error={message} required={input.required ?? false} {...(className ? { className } : {})}>
      <Input autoComplete="off" spellCheck={false} {...input} className={mono ? 'font-mono' : ''} required={false} {...register(name)} />
    </Field>
  )
}
