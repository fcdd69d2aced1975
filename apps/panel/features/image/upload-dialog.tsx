'use client'
import type { Progress } from '@gantry/contracts'
import { Field, Input, ProgressBar } from '@gantry/ui'
import { useEffect, useRef, useState } from 'react'
import { useTranslations } from 'use-intl'
import { formatBytes } from '@/lib/format.ts'
import { FormDialog } from '@/lib/form-dialog.tsx'
import { useTRPC } from '@/lib/trpc.ts'
import { useAct } from '@/lib/use-act.ts'
import { LayerProgress } from './transfer-card.tsx'
import { uploadImage } from './upload-image.ts'

/** Sends an archive and shows both halves: what was sent, and what was unpacked. Closing cancels. */
export function UploadDialog({ projectId, onClose }: { projectId: string; onClose: () => void }) {
  const t = useTranslations()
  const trpc = useTRPC()
  const [file, setFile] = useState<File | null>(null)
  const [sent, setSent] = useState<{ sent: number; total: number } | null>(null)
  const [lines, setLines] = useState<ReadonlyMap<string, Progress>>(new Map())
  const abort = useRef<AbortController | null>(null)
  useEffect(() => () => abort.current?.abort(), [])
  const upload = useAct({
    run: (archive: File) => {
      abort.current = new AbortController()
      setLines(new Map())
      return uploadImage(
        projectId,
        archive,
        (event) => {
          if (event.kind === 'sent') setSent(event)
          else setLines((before) => new Map(before).set(event.line.id ?? '', event.line))
        },
        abort.current.signal,
      )
    },
    done: (names, archive) => ({ title: t('image.loaded', { names: names.join(', ') }), command: `docker load -i ${archive.name}` }),
    changes: [trpc.image.pathFilter(), trpc.project.usage.pathFilter()],
    tellError: false,
  })
  return (
    <FormDialog
      title={t('image.uploadTitle')}
      description={t('image.uploadHint')}
      submitLabel={t('image.upload')}
      pending={upload.isPending}
      disabled={!file || upload.isPending}
      error={upload.error}
      onClose={onClose}
      onSubmit={() => file && upload.mutate(file, { onSuccess: onClose })}
    >
      <Field label={t('image.file')}>
        <Input
          type="file"
          accept=".tar,.gz,.tgz,.zst,application/x-tar"
          className="h-auto py-1.5 file:mr-3 file:rounded-sm file:border file:bg-sunken file:px-2 file:py-0.5"
          onChange={(event) => setFile(event.target.files?.[0] ?? null)}
        />
      </Field>
      {upload.isPending && sent ? (
        <div>
          <div className="flex justify-between text-xs">
            <span>{t('image.uploading')}</span>
            <span className="tabular text-muted">
              {formatBytes(sent.sent)} / {formatBytes(sent.total)}
            </span>
          </div>
          <ProgressBar label={t('image.uploading')} value={sent.sent} max={sent.total} className="mt-1" />
        </div>
      ) : null}
      {upload.isPending ? [...lines.values()].map((line) => <LayerProgress key={line.id ?? ''} line={line} />) : null}
    </FormDialog>
  )
}
