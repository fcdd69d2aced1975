import { mkdirSync } from 'node:fs'
import type { Kernel } from '../../kernel/kernel.ts'
import { createLauncher } from '../../kernel/launcher.ts'
import type { EngineConfig, Sandbox } from '../../ports.ts'

/** The real launcher, and processes that do nothing but be in a sandbox. */
export interface LabKernel {
  readonly ops: Kernel['ops']
  /** Starts a process in the sandbox's namespaces and resolves with its pid on the host. */
  hold(key: string, sandbox: Pick<Sandbox, 'namespaceOps'>): Promise<number>
  /** Kills such a process and waits for its end. */
  end(pid: number): Promise<void>
  close(): Promise<void>
}

/** Ends of processes come on the socket of the launcher that started them, also after it was closed: kept for all of the labs. */
const ended = new Map<string, () => void>()
const keys = new Map<number, { key: string; exit: Promise<void> }>()

export function openKernel(config: EngineConfig): LabKernel {
  const kernel = createLauncher({ nativeDir: config.nativeDir, log: config.log })
  kernel.onExit(({ key }) => ended.get(key)?.())
  return {
    ops: (ops) => kernel.ops(ops),
    close: () => kernel.close(),
    async hold(key, { namespaceOps }) {
      const monitorDir = `${config.runDir}/m/${key.slice(0, 16)}`
      mkdirSync(monitorDir, { recursive: true, mode: 0o700 })
      const exit = new Promise<void>((resolve) => ended.set(key, resolve))
      const { pid } = await kernel.start({
        key,
        monitorDir,
        host: [],
        monitor: [],
        namespaces: [...namespaceOps, ['mntns.new']],
        rootfs: [],
        process: [
          ['cwd', '/'],
          ['exec', '/bin/sleep', 'infinity'],
        ],
      })
      keys.set(pid, { key, exit })
      return pid
    },
    async end(pid) {
      process.kill(pid, 'SIGKILL')
      const adopted = keys.get(pid)
      if (adopted) await Promise.race([adopted.exit, gone(pid)])
    },
  }
}

/** For processes of a launcher that was closed: their monitor has nobody to tell. */
async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
