'use client'
import { grantableCapabilities, hostCapabilities, type MemberPolicy, type MemberRole } from '@gantry/contracts'
import { Button, Card, CardBody, CardHeader, CheckboxLabel, Field, Input, Textarea } from '@gantry/ui'
import { useTranslations } from 'use-intl'
import { type MemberValues, type PolicyErrors, policyExample } from './policy-values.ts'

/** What members of one role may ask for, and what they write to get it. */
export function MemberPolicyCard({
  role,
  values,
  errors,
  given,
  onChange,
}: {
  role: MemberRole
  values: MemberValues
  errors: PolicyErrors
  given: MemberPolicy | undefined
  onChange: (changes: Partial<MemberValues>) => void
}) {
  const t = useTranslations('policy')
  const example = given && policyExample(given)
  return (
    <Card aria-label={t(role)}>
      <CardHeader title={t(role)}>{t(`${role}Hint`)}</CardHeader>
      <CardBody className="flex flex-col gap-4">
        <Field label={t('binds')} description={t('bindsHint')} error={errors[`${role}.bindSources`]}>
          <Textarea
            rows={3}
            value={values.bindSources}
            onChange={(event) => onChange({ bindSources: event.target.value })}
            className="font-mono text-xs"
            placeholder="/srv/shared"
            spellCheck={false}
          />
        </Field>
        <Field label={t('port')} description={t('portHint')} error={errors[`${role}.minHostPort`]}>
          <Input
            value={values.minHostPort}
            onChange={(event) => onChange({ minHostPort: event.target.value })}
            inputMode="numeric"
            autoComplete="off"
            className="w-32"
          />
        </Field>
        <CapabilityChoice chosen={values.capabilities} onChange={(capabilities) => onChange({ capabilities })} />
        {example ? (
          <p className="text-muted text-xs">
            {t('show')} <code className="break-all font-mono text-fg">{example}</code>
          </p>
        ) : null}
      </CardBody>
    </Card>
  )
}

function CapabilityChoice({
  chosen,
  onChange,
}: {
  chosen: MemberValues['capabilities']
  onChange: (chosen: MemberValues['capabilities']) => void
}) {
  const t = useTranslations('policy')
  return (
    <fieldset className="min-w-0">
      <legend className="font-medium text-[13px]">{t('capabilities')}</legend>
      <p className="mt-0.5 text-muted text-xs">{t('capabilitiesHint', { names: hostCapabilities.join(', ') })}</p>
      <div className="mt-2 flex gap-2">
        <Button size="sm" onClick={() => onChange(grantableCapabilities)}>
          {t('all')}
        </Button>
        <Button size="sm" onClick={() => onChange([])}>
          {t('none')}
        </Button>
      </div>
      <div className="mt-2 grid grid-cols-[repeat(auto-fill,minmax(170px,1fr))] gap-x-2">
        {grantableCapabilities.map((name) => (
          <CheckboxLabel
            key={name}
            checked={chosen.includes(name)}
            onChange={(event) =>
              onChange(grantableCapabilities.filter((each) => (each === name ? event.target.checked : chosen.includes(each))))
            }
          >
            <span className="font-mono text-xs">{name}</span>
          </CheckboxLabel>
        ))}
      </div>
    </fieldset>
  )
}
