import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { createAgentClient } from '@gantry/agent-rpc/client'
import { freePort } from '../../support/instance.ts'

const repository = join(import.meta.dirname, '../../..')

/** An engine that answers docker's clients. */
export interface Engine {
  readonly name: string
  readonly socket: string
  close(): Promise<void>
}

/** Agent and gateway as processes on folders of their own, without pages. */
export async function startGantry(env: Record<string, string> = {}): Promise<Engine> {
  const dataDir = mkdtempSync('/var/lib/gantry-test-')
  const runDir = mkdtempSync('/run/gantry-test-')
  const environment = {
    ...env,
    GANTRY_DATA: dataDir,
    GANTRY_RUN: runDir,
    GANTRY_LISTEN: `127.0.0.1:${await freePort()}`,
    GANTRY_PANEL: 'off',
    GANTRY_ADMIN_EMAIL: 'admin@example.test',
    GANTRY_ADMIN_PASSWORD: 'correct horse battery staple',
  }
  const agent = await run('packages/agent', environment, 'agent is ready')
  const gateway = await run('apps/gateway', environment, 'listening')
  return {
    name: 'gantry',
    socket: join(runDir, 'docker.sock'),
    async close() {
      await ended(gateway, 'SIGTERM')
      const client = createAgentClient(join(runDir, 'agent.sock'))
      for (const { id } of await client.call('project.list', {})) {
        if (id !== 'system') await client.call('project.remove', { id, force: true })
      }
      client.close()
      await ended(agent, 'SIGTERM')
      rmSync(dataDir, { recursive: true, force: true })
      rmSync(runDir, { recursive: true, force: true })
    },
  }
}

async function run(folder: string, env: Record<string, string>, ready: string): Promise<ChildProcess> {
  const file = join(repository, folder, 'dist/main.js')
  const child = spawn(process.execPath, ['--enable-source-maps', file], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  await new Promise<void>((resolve, reject) => {
    const onOutput = (chunk: Buffer) => {
      output += chunk.toString()
      if (output.includes(ready)) resolve()
    }
    child.stdout?.on('data', onOutput)
    child.stderr?.on('data', onOutput)
    child.once('exit', (code, signal) => reject(new Error(`${file} ended (${code ?? signal}): ${output}`)))
  })
  return child
}

/**
 * Debian's dockerd on a socket and folders of its own, in namespaces of its own: its bridge and firewall do not touch the host's, and
 * everything it starts ends with it.
 */
export async function startDockerd(): Promise<Engine> {
  const folder = mkdtempSync('/var/lib/gantry-test-dockerd-')
  const runDir = mkdtempSync('/run/gantry-test-dockerd-')
  const socket = join(runDir, 'docker.sock')
  const dockerd = [
    ...['dockerd', '-H', `unix://${socket}`, '--data-root', join(folder, 'data'), '--exec-root', join(runDir, 'exec')],
    ...['--pidfile', join(runDir, 'pid'), '--exec-opt', 'native.cgroupdriver=cgroupfs', '--bip', '172.29.0.1/24'],
  ]
  const isolate = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', '--propagation', 'private']
  const child = spawn('unshare', [...isolate, 'sh', '-c', 'ip link set lo up; exec "$@"', 'dockerd', ...dockerd], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
  })
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-4000)
  })
  while (!(await answers(socket))) {
    if (child.exitCode !== null) throw new Error(`dockerd ended with ${child.exitCode}: ${output}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  return {
    name: 'dockerd',
    socket,
    async close() {
      await ended(child, 'SIGKILL')
      for (const path of mountsBelow(folder).concat(mountsBelow(runDir))) await once(spawn('umount', ['-l', path]), 'exit')
      rmSync(folder, { recursive: true, force: true })
      rmSync(runDir, { recursive: true, force: true })
    },
  }
}

/** What it mounted went with its namespace, unless it made a folder a mount of the host's. */
function mountsBelow(folder: string): string[] {
  const paths = readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .flatMap((line) => line.split(' ')[1] ?? [])
  return paths.filter((path) => path.startsWith(`${folder}/`)).reverse()
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const ping = request({ socketPath, path: '/_ping' }, (response) => {
      response.resume()
      resolve(response.statusCode === 200)
    })
    ping.on('error', () => resolve(false))
    ping.end()
  })
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill(signal)
  await exit
}
