import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { type ContainerSpecInput, containerSpecSchema, type ExecSpecInput, execSpecSchema, type Op } from '@gantry/contracts'
import { planExec, planStart, type StartInput } from '../plan/plan.ts'
import { fileURLToPath } from 'node:url'
import type { Kernel, ProcessExit, Started } from './kernel.ts'
import { createLauncher } from './launcher.ts'
import { rootCapabilities } from './proc.ts'
import { SeccompCache } from './seccomp.ts'

export const nativeDir = fileURLToPath(new URL('../../../../native/build', import.meta.url))

const applets =
  'awk cat chmod chown cp cut dd echo env false grep head hostname id kill ln ls md5sum mkdir mknod mount ping ps readlink rm sed sh sleep sort stat stty sync tail test touch tr true tty umount uname unshare wc yes'

/** A root file system with nothing but busybox in it, as on-disk root would own it. */
function makeLayer(layer: string): void {
  for (const folder of ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp', 'var']) mkdirSync(`${layer}/${folder}`, { recursive: true })
  copyFileSync('/bin/busybox', `${layer}/bin/busybox`)
  chmodSync(`${layer}/bin/busybox`, 0o755)
  chmodSync(`${layer}/tmp`, 0o1777)
  for (const applet of applets.split(' ')) symlinkSync('busybox', `${layer}/bin/${applet}`)
  writeFileSync(`${layer}/etc/passwd`, 'root:x:0:0:root:/root:/bin/sh\nbob:x:1000:1001:Bob:/home/bob:/bin/sh\n')
  writeFileSync(`${layer}/etc/group`, 'root:x:0:\nbob:x:1001:\nvideo:x:44:bob,root\naudio:x:63:\n')
}

export interface TestContainer {
  readonly id: string
  readonly monitorDir: string
  readonly upper: string
  readonly logPath: string
  readonly exitFile: string
  readonly started: Started
  readonly ended: Promise<ProcessExit>
  /** Text of the log, both streams, in order. */
  log(): string
  spec: ContainerSpecInput
}

/** One kernel with containers of its own below temporary folders; `dispose` ends all and leaves nothing. */
export class Laboratory {
  readonly dir = mkdtempSync('/var/tmp/gantry-test-')
  readonly runDir = mkdtempSync('/run/gantry-test-')
  readonly layer = `${this.dir}/layer`
  kernel: Kernel
  readonly idBase = 4_000_000
  private readonly exits = new Map<string, ProcessExit>()
  private readonly waiting = new Map<string, (exit: ProcessExit) => void>()
  private readonly running = new Map<string, number>()
  private readonly seccomp = new SeccompCache({ dataDir: this.dir, nativeDir })
  private next = 1

  constructor() {
    makeLayer(this.layer)
    this.kernel = this.newKernel()
  }

  newKernel(): Kernel {
    const kernel = createLauncher({ nativeDir })
    kernel.onExit((exit) => this.onExit(exit))
    this.kernel = kernel
    return kernel
  }

  private onExit(exit: ProcessExit): void {
    this.exits.set(exit.key, exit)
    this.running.delete(exit.key)
    this.waiting.get(exit.key)?.(exit)
  }

  private remember(key: string, started: Started): void {
    // The exit of a short command may have been told before its start.
    if (!this.exits.has(key)) this.running.set(key, started.monitorPid)
  }

  exitOf(key: string): Promise<ProcessExit> {
    const exit = this.exits.get(key)
    return exit ? Promise.resolve(exit) : new Promise((resolve) => this.waiting.set(key, resolve))
  }

  /** Input for planStart of a container without limits on an own, empty network. */
  async input(spec: ContainerSpecInput, change: Partial<StartInput> = {}): Promise<StartInput> {
    const n = this.next++
    const id = n.toString(16).padStart(64, 'a')
    const dir = `${this.dir}/c${n}`
    for (const folder of [`${dir}/upper`, `${dir}/work`, `${this.runDir}/${n}`]) mkdirSync(folder, { recursive: true, mode: 0o755 })
    const parsed = containerSpecSchema.parse(spec)
    const namespaceOps: Op[] = [['sandbox', `test-${n}`]]
    await this.kernel.ops([['sandbox.new', `test-${n}`, String(this.idBase)]])
    return {
      containerId: id,
      spec: parsed,
      image: { entrypoint: [], command: [], env: [], user: '', workingDir: '' },
      rootfs: { kind: 'overlay', lowerDirs: [this.layer], upperDir: `${dir}/upper`, workDir: `${dir}/work` },
      mounts: [],
      sandbox: { namespaceOps },
      cgroupOps: [],
      cgroupEnterOps: [],
      seccompFile: await this.seccomp.fileFor(parsed),
      nativeDir,
      monitorDir: `${this.runDir}/${n}`,
      files: { hosts: null, hostname: null, resolvConf: null },
      logPath: `${dir}/container.log`,
      exitFile: `${dir}/exit.json`,
      hostCapabilities: rootCapabilities(),
      ...change,
    }
  }

  async start(spec: Omit<ContainerSpecInput, 'image'>, change: Partial<StartInput> = {}): Promise<TestContainer> {
    const full = { image: 'test', ...spec }
    const input = await this.input(full, change)
    const started = await this.kernel.start(planStart(input))
    this.remember(input.containerId, started)
    return {
      id: input.containerId,
      monitorDir: input.monitorDir,
      upper: input.rootfs.kind === 'tree' ? input.rootfs.folder : input.rootfs.upperDir,
      logPath: input.logPath,
      exitFile: input.exitFile,
      started,
      ended: this.exitOf(input.containerId),
      log: () => logText(input.logPath),
      spec: full,
    }
  }

  /** Runs a shell line to its end and gives its output and exit. */
  async run(
    line: string,
    spec: Omit<ContainerSpecInput, 'image'> = {},
    change: Partial<StartInput> = {},
  ): Promise<{ text: string; exit: ProcessExit }> {
    const container = await this.start({ command: ['sh', '-c', `exec 2>&1; ${line}`], ...spec }, change)
    const exit = await container.ended
    return { text: container.log(), exit }
  }

  async exec(container: TestContainer, spec: ExecSpecInput, change: Partial<Parameters<typeof planExec>[0]> = {}) {
    const n = this.next++
    const execId = `exec-${n}`
    const monitorDir = `${this.runDir}/${n}`
    mkdirSync(monitorDir, { mode: 0o700 })
    const parsed = containerSpecSchema.parse(container.spec)
    const plan = planExec({
      execId,
      spec: execSpecSchema.parse(spec),
      container: parsed,
      image: { entrypoint: [], command: [], env: [], user: '', workingDir: '' },
      pid: container.started.pid,
      startTicks: container.started.startTicks,
      cgroupEnterOps: [],
      seccompFile: await this.seccomp.fileFor(parsed),
      monitorDir,
      announcedViewers: 1,
      hostCapabilities: rootCapabilities(),
      ...change,
    })
    const started = await this.kernel.start(plan)
    this.remember(execId, started)
    return { execId, monitorDir, started, ended: this.exitOf(execId) }
  }

  /** Runs a command in a container to its end; both streams apart. */
  async execOutput(container: TestContainer, spec: ExecSpecInput): Promise<{ stdout: string; stderr: string; exit: ProcessExit }> {
    const exec = await this.exec(container, spec)
    const channel = await this.kernel.attach(exec.monitorDir, { stdin: true, stdout: true, stderr: true, from: 0 })
    const out = { stdout: '', stderr: '' }
    for await (const piece of channel.output) out[piece.stream] += Buffer.from(piece.bytes).toString()
    return { ...out, exit: await exec.ended }
  }

  async kill(container: TestContainer): Promise<ProcessExit> {
    await this.kernel.ops([['signal?', String(container.started.pid), String(container.started.startTicks), '9']])
    return container.ended
  }

  async dispose(): Promise<void> {
    // A monitor's death takes its process along.
    for (const monitorPid of this.running.values()) process.kill(monitorPid, 'SIGKILL')
    await this.kernel.close()
    rmSync(this.dir, { recursive: true, force: true })
    rmSync(this.runDir, { recursive: true, force: true })
  }
}

export function logText(path: string): string {
  return logLines(path)
    .map((line) => line.log)
    .join('')
}

export function logLines(path: string): { log: string; stream: string; time: string }[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { log: string; stream: string; time: string })
}

/** Everything a viewer gets of one stream, as text. */
export async function collect(output: AsyncIterable<{ stream: string; bytes: Uint8Array }>, stream = 'stdout'): Promise<string> {
  let text = ''
  for await (const piece of output) if (piece.stream === stream) text += Buffer.from(piece.bytes).toString()
  return text
}
