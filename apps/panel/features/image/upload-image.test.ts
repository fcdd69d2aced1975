import { expect, it } from 'vitest'
import { type UploadEvent, UploadReader } from './upload-image.ts'

it('reads whole lines once, however the answer is cut', () => {
  const events: UploadEvent[] = []
  const reader = new UploadReader((event) => events.push(event))
  const answer =
    '{"status":"extracting","id":"abc","current":1,"total":2}\n{"status":"complete","id":"abc"}\n{"loaded":{"references":["a:1"],"ids":["sha256:x"]}}\n'
  for (let end = 0; end <= answer.length; end += 7) reader.read(answer.slice(0, end))
  reader.read(answer)
  expect(events.map((event) => (event.kind === 'progress' ? event.line.status : ''))).toEqual(['extracting', 'complete'])
  expect(reader.loaded).toEqual(['a:1'])
})

it('keeps the error that ends a stream, and names ids where an archive has no names', () => {
  const failed = new UploadReader(() => undefined)
  failed.read('{"error":{"code":"invalid_input","message":"archive is cut off"}}\n')
  expect(failed.error).toEqual({ code: 'invalid_input', message: 'archive is cut off' })
  const nameless = new UploadReader(() => undefined)
  nameless.read('{"loaded":{"references":[],"ids":["sha256:x"]}}\n')
  expect(nameless.loaded).toEqual(['sha256:x'])
})
