'use client'
import type { Project } from '@gantry/contracts'
import { Card, CardBody, CardHeader, CopyButton, TabPanel, Tabs } from '@gantry/ui'
import { useState } from 'react'
import { useFormContext } from 'react-hook-form'
import { useTranslations } from 'use-intl'
import { ProjectMeters } from '@/features/project/project-meters.tsx'
import { type CreateValues, toSpec } from './create-values.ts'
import { runText } from './docker-run.ts'

/** Beside the form: the same as a command, and what the project has left. */
export function CreateAside({ project }: { project: Project }) {
  const t = useTranslations('create')
  return (
    <>
      <EquivalentCommand projectId={project.id} />
      <Card>
        <CardHeader title={t('quota')} />
        <CardBody>
          <ProjectMeters project={project} />
        </CardBody>
      </Card>
    </>
  )
}

function EquivalentCommand({ projectId }: { projectId: string }) {
  const t = useTranslations()
  const { watch } = useFormContext<CreateValues>()
  const [program, setProgram] = useState<'docker' | 'gantry'>('docker')
  const text = runText(toSpec(watch()), program, projectId)
  return (
    <Card>
      <CardHeader
        title={t('create.command2')}
        actions={<CopyButton text={text} label={t('common.copy')} doneLabel={t('common.copied')} />}
      />
      <div className="px-4 pt-1 pb-4">
        <Tabs
          label={t('create.command2')}
          value={program}
          onValueChange={(value) => setProgram(value as 'docker' | 'gantry')}
          items={[
            { value: 'docker', label: 'docker' },
            { value: 'gantry', label: 'gantry' },
          ]}
        >
          <TabPanel value={program}>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
            <pre data-testid="run-text" tabIndex={0} className="max-h-60 overflow-auto whitespace-pre-wrap break-all font-mono text-xs">
              {text}
            </pre>
          </TabPanel>
        </Tabs>
      </div>
    </Card>
  )
}
