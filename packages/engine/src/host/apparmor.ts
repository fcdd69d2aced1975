import type { ContainerSpec } from '@gantry/contracts'
import { apparmorIsOn, apparmorParser, isProfileLoaded, isProfileUsed, loadProfile, unloadProfile } from '../kernel/apparmor.ts'
import { defaultProfile, defaultProfileText } from '../plan/apparmor-profile.ts'
import type { EngineConfig } from '../ports.ts'

/**
 * The default profile of containers where AppArmor is on. Instances share it: each puts it in place when it begins, and the last takes
 * it away when it leaves nothing running.
 */
export class AppArmor {
  readonly #log: EngineConfig['log']
  readonly #isOn = apparmorIsOn()
  readonly #parser = apparmorParser()
  #usable = false

  private constructor(log: EngineConfig['log']) {
    this.#log = log
  }

  /** Never rejects: without the profile containers run with their other locks, and the log says so. */
  static async open({ log }: Pick<EngineConfig, 'log'>): Promise<AppArmor> {
    const apparmor = new AppArmor(log)
    if (apparmor.#isOn) await apparmor.#load()
    return apparmor
  }

  /** Whether containers get the default profile. */
  get isUsable(): boolean {
    return this.#usable
  }

  /**
   * The profile that a container is started with: what it asks for, nothing that confines when it is privileged, else the default.
   * '' where AppArmor is off or the default cannot be had.
   */
  async profileFor(spec: Pick<ContainerSpec, 'apparmor' | 'privileged'>): Promise<string> {
    if (spec.apparmor !== undefined) return spec.apparmor
    if (!this.#isOn) return ''
    if (spec.privileged) return 'unconfined'
    // Somebody may have taken it away since, as another instance does that believes itself to be the last.
    if (!this.#usable || !(await isProfileLoaded(defaultProfile))) await this.#load()
    return this.#usable ? defaultProfile : ''
  }

  /** Takes the profile away unless a process anywhere is confined by it. */
  async close(): Promise<void> {
    if (!this.#usable || this.#parser === undefined) return
    try {
      if (!(await isProfileUsed(defaultProfile))) await unloadProfile(this.#parser, defaultProfileText)
    } catch (error) {
      // Another instance was faster, which is as well.
      this.#log('debug', 'the AppArmor profile was not taken away', { error: String(error) })
    }
  }

  async #load(): Promise<void> {
    if (this.#parser === undefined) return this.#warn('there is no apparmor_parser')
    try {
      await loadProfile(this.#parser, defaultProfileText)
      this.#usable = true
    } catch (error) {
      this.#usable = false
      this.#warn(error instanceof Error ? error.message : String(error))
    }
  }

  #warn(reason: string): void {
    this.#log('warn', `containers run without an AppArmor profile: ${reason}`, { remedy: 'apt-get install apparmor' })
  }
}
