import { open, readdir, stat, statfs } from 'node:fs/promises'
import type { Op } from '@gantry/contracts'
import { withDeadline } from '../lib/deadline.ts'

/** FUSE_SUPER_MAGIC of linux/magic.h. */
const FUSE = 0x65735546
/** Files of procfs that LXCFS has its own of, and the folder of cpus. */
const procFiles = ['cpuinfo', 'diskstats', 'loadavg', 'meminfo', 'stat', 'swaps', 'uptime'] as const
const cpuFolder = 'sys/devices/system/cpu'
/** How soon containers follow an LXCFS that was started anew. */
const lookEveryMs = 5000
/** How long the agent's start may wait for it. */
const patienceMs = 2000

/** [source on the host, target inside] */
export type Cover = readonly [source: string, target: string]

export interface LxcfsOptions {
  /** Where LXCFS is mounted, when it is. */
  readonly path: string
  /** It is there anew: what containers had of its former life is dead. */
  readonly onRenewed: (covers: readonly Cover[]) => Promise<void>
}

/**
 * LXCFS, when the host runs it: its files over those of procfs make `free`, `uptime` and their like tell a container's limits. It may
 * come, go and be started anew at any time, so it is looked at again and again; its files of an earlier life answer ENOTCONN.
 */
export class Lxcfs {
  readonly #options: LxcfsOptions
  #covers: readonly Cover[] = []
  /** Device number of the mount; '' while there is none. */
  #life = ''
  #asking = false
  #timer: NodeJS.Timeout | undefined

  private constructor(options: LxcfsOptions) {
    this.#options = options
  }

  /** Resolves after the first look, which tells nobody of a renewal: `renew` does, once containers are known. */
  static async open(options: LxcfsOptions): Promise<Lxcfs> {
    const lxcfs = new Lxcfs(options)
    await lxcfs.#look()
    return lxcfs
  }

  /** What a container that starts now gets; empty without LXCFS. */
  get covers(): readonly Cover[] {
    return this.#covers
  }

  /** Tells of what is there now (the agent may have been away while it was started anew), and goes on looking. */
  async watch(): Promise<void> {
    if (this.#life !== '') await this.#options.onRenewed(this.#covers)
    const next = () => {
      this.#timer = setTimeout(async () => {
        const before = this.#life
        await this.#look()
        if (this.#life !== '' && this.#life !== before) await this.#options.onRenewed(this.#covers)
        if (this.#timer) next()
      }, lookEveryMs).unref()
    }
    next()
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  /** One that hangs answers no question ever: it is asked one at a time, so that it does not use up all threads that read files. */
  async #look(): Promise<void> {
    if (this.#asking) return
    const asking = lifeOf(this.#options.path)
    this.#asking = true
    const answered = () => {
      this.#asking = false
    }
    asking.then(answered, answered)
    try {
      const life = await withDeadline('an answer of LXCFS', patienceMs, () => asking)
      if (life !== this.#life) this.#covers = await findCovers(this.#options.path)
      this.#life = life
    } catch {
      this.#covers = []
      this.#life = ''
    }
  }
}

/** Device number of a mount that answers. Rejects for one that does not: that of a daemon that has died is still there. */
async function lifeOf(path: string): Promise<string> {
  const [{ type }, { dev }] = [await statfs(path), await stat(path)]
  if (type !== FUSE) throw new Error(`${path} is not FUSE`)
  await (await open(`${path}/proc/uptime`)).close()
  return String(dev)
}

async function findCovers(path: string): Promise<Cover[]> {
  const present = new Set(await readdir(`${path}/proc`))
  const covers: Cover[] = procFiles.filter((name) => present.has(name)).map((name) => [`${path}/proc/${name}`, `/proc/${name}`])
  const hasCpus = await stat(`${path}/${cpuFolder}`).then(
    () => true,
    () => false,
  )
  return hasCpus ? [...covers, [`${path}/${cpuFolder}`, `/${cpuFolder}`]] : covers
}

/** Lays the files over a running container's anew. */
export function coverOps(process: { readonly pid: number; readonly startTicks: number }, covers: readonly Cover[]): Op[] {
  return covers.map(([source, target]) => ['cover', String(process.pid), String(process.startTicks), source, target])
}
