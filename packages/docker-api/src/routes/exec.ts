import { type ExecInspect, GantryError } from '@gantry/contracts'
import { createExec, getExec, resizeExec, startExec, tellContainer } from '@gantry/core'
import { z } from 'zod'
import { renderError } from '../errors.ts'
import { whole } from '../query.ts'
import { type Call, type Reply, type Route, json, route } from '../route.ts'
import { optional, texts, word, yes } from '../translate/create/fields.ts'
import { DetachKeys } from '../wire/detach-keys.ts'
import type { HijackedStream } from '../wire/hijack.ts'
import { pipeBytes } from '../wire/pipe-bytes.ts'
import { stdcopyFrame, streamType } from '../wire/stdcopy.ts'
import { reference } from './containers.ts'

/** Height and width; zeros say nothing. */
const consoleSize = optional(z.tuple([z.number().int().min(0).max(1000), z.number().int().min(0).max(1000)]))
const createBody = z.object({
  Cmd: texts,
  Env: texts,
  User: word,
  WorkingDir: word,
  Tty: yes,
  AttachStdin: yes,
  AttachStdout: yes,
  AttachStderr: yes,
  Privileged: yes,
  DetachKeys: word,
  ConsoleSize: consoleSize,
})
const startBody = z.object({ Detach: yes, Tty: yes, ConsoleSize: consoleSize })

const sizeOf = (size: [number, number] | undefined) => ({ rows: size?.[0] || undefined, columns: size?.[1] || undefined })

export const execRoutes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/containers/{id}/exec',
    body: createBody,
    async handle(call) {
      const { body } = call
      if (body.Cmd.length === 0) throw new GantryError('invalid_input', 'No exec command specified', { field: 'Cmd' })
      if (body.DetachKeys !== undefined) new DetachKeys(body.DetachKeys)
      const spec = {
        command: body.Cmd,
        env: body.Env,
        user: body.User,
        workingDir: body.WorkingDir,
        tty: body.Tty,
        openStdin: body.AttachStdin,
        openStdout: body.AttachStdout,
        openStderr: body.AttachStderr,
        privileged: body.Privileged,
        detachKeys: body.DetachKeys,
        // Whoever leaves a terminal leaves its command running: clients look for the detach keys themselves and then just go.
        persistent: body.Tty,
        ...sizeOf(body.ConsoleSize),
      }
      const { id } = await call.run(createExec, { container: reference(call.params.id), spec })
      return json({ Id: id }, 201)
    },
  }),
  route({ method: 'POST', path: '/exec/{id}/start', body: startBody, emptyBody: {}, hijacks: true, handle: start }),
  route({
    method: 'POST',
    path: '/exec/{id}/resize',
    query: z.object({ h: whole(1, 1000), w: whole(1, 1000) }),
    async handle(call) {
      const { h, w } = call.query
      if (h === undefined || w === undefined) throw new GantryError('invalid_input', 'invalid resize: h and w must be given')
      await call.run(resizeExec, { id: call.params.id, columns: w, rows: h })
      return { status: 200 }
    },
  }),
  route({
    method: 'GET',
    path: '/exec/{id}/json',
    handle: async (call) => json(toExecInspect(await call.run(getExec, { id: call.params.id }))),
  }),
]

async function start(call: Call<'/exec/{id}/start', unknown, z.output<typeof startBody>>): Promise<Reply | undefined> {
  const { id } = call.params
  const { spec, running, exitCode, containerId } = await call.run(getExec, { id })
  if (running) throw new GantryError('wrong_state', `Error: Exec command ${id} is already running`)
  if (exitCode !== null) throw new GantryError('wrong_state', `Error: Exec command ${id} has already run`)
  const size = sizeOf(call.body.ConsoleSize)
  if (call.body.Detach) {
    const { result } = await call.run(startExec(new AbortController().signal), { id, detach: true, ...size })
    await result
    return { status: 200 }
  }
  // Nobody asked to see anything: it runs by itself, and the connection ends at once.
  const looks = spec.openStdin || spec.openStdout || spec.openStderr
  const abort = new AbortController()
  const signal = AbortSignal.any([call.signal, abort.signal])
  const held: { stream?: HijackedStream } = {}
  // Some clients (docker-py) read the head through a buffer and lose what comes in one piece with it, so it goes out before the
  // command is even started.
  const hijack = () => {
    held.stream ??= call.hijack(streamType(call.version, spec.tty))
    return held.stream
  }
  try {
    const bytes = await call.run(startExec(looks ? signal : new AbortController().signal, hijack), { id, detach: !looks, ...size })
    const left = await pipeBytes(hijack(), bytes, {
      detachKeys: spec.tty ? new DetachKeys(spec.detachKeys) : undefined,
      input: spec.openStdin,
      closesInput: !spec.tty,
    })
    if (left) await call.run(tellContainer, { container: containerId, action: 'exec_detach', execId: id })
  } catch (error) {
    if (!held.stream) throw error
    // The connection is the client's already: the words go where the command's would.
    const { message } = renderError(error)
    if (!call.signal.aborted) await held.stream.write(spec.tty ? `${message}\r\n` : stdcopyFrame(1, `${message}\r\n`))
  } finally {
    held.stream?.end()
    abort.abort()
  }
  return undefined
}

function toExecInspect({ id, containerId, spec, running, pid, exitCode }: ExecInspect): object {
  return {
    ID: id,
    Running: running,
    ExitCode: exitCode,
    ProcessConfig: {
      tty: spec.tty,
      entrypoint: spec.command[0],
      arguments: spec.command.slice(1),
      privileged: spec.privileged,
      ...(spec.user === undefined ? {} : { user: spec.user }),
    },
    OpenStdin: spec.openStdin,
    OpenStdout: spec.openStdout,
    OpenStderr: spec.openStderr,
    CanRemove: false,
    ContainerID: containerId,
    DetachKeys: '',
    Pid: pid,
  }
}
