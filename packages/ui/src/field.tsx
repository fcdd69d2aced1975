'use client'
import { cloneElement, type ReactElement, type ReactNode, useId } from 'react'
import { cn } from './cn.ts'

type ControlProps = { id?: string; 'aria-describedby'?: string; 'aria-invalid'?: boolean; 'aria-required'?: boolean }

/** Ties label, explanation and error to one control, so that all three are read out with it. */
export function Field({
  label,
  description,
  error,
  required,
  className,
  children,
}: {
  label: ReactNode
  description?: ReactNode
  error?: string | undefined
  required?: boolean
  className?: string
  children: ReactElement<ControlProps>
}) {
  const base = useId()
  const id = children.props.id ?? base
  const describedBy = [description ? `${base}-d` : '', error ? `${base}-e` : ''].filter(Boolean).join(' ')
  return (
    <div className={cn('min-w-0', className)}>
      <label htmlFor={id} className="mb-1 block font-medium text-[13px]">
        {label}
        {required ? (
          <span className="text-bad" aria-hidden>
            {' '}
            *
          </span>
        ) : null}
      </label>
      {cloneElement(children, {
        id,
        ...(describedBy ? { 'aria-describedby': describedBy } : {}),
        ...(error ? { 'aria-invalid': true } : {}),
        ...(required ? { 'aria-required': true } : {}),
      })}
      {description ? (
        <p id={`${base}-d`} className="mt-1 text-muted text-xs">
          {description}
        </p>
      ) : null}
      {error ? (
        <p id={`${base}-e`} role="alert" className="mt-1 text-bad text-xs first-letter:uppercase">
          {error}
        </p>
      ) : null}
    </div>
  )
}
