import { existsSync } from 'node:fs'
import type { DoctorCheck } from '@gantry/contracts'
import { apparmorIsOn, apparmorParser, isProfileLoaded } from '../kernel/apparmor.ts'
import { defaultProfile } from '../plan/apparmor-profile.ts'
import { journalSocket } from '../plan/log.ts'
import type { DoctorOptions } from './doctor.ts'

const found = (group: DoctorCheck['group'], name: string, text: string): DoctorCheck => ({
  ...{ group, name, status: 'ok', found: text, consequence: '' },
})
const absent = (group: DoctorCheck['group'], name: string, text: string, consequence: string): DoctorCheck => ({
  ...{ group, name, status: 'fallback', found: text, consequence },
})

/** What the host may offer on top: each makes containers a little better, none is needed. */
export async function checkServices({ lxcfs, journalctl }: Pick<DoctorOptions, 'lxcfs' | 'journalctl'>): Promise<DoctorCheck[]> {
  return [await appArmor(), limitsSeen(lxcfs), journal(journalctl)]
}

async function appArmor(): Promise<DoctorCheck> {
  const without = 'containers run without an AppArmor profile'
  if (!apparmorIsOn()) return absent('security', 'AppArmor', 'not on in this kernel', without)
  if (await isProfileLoaded(defaultProfile)) return found('security', 'AppArmor', `profile ${defaultProfile} is loaded`)
  const why = apparmorParser() ? 'the log of the agent says why' : 'there is no apparmor_parser: apt-get install apparmor'
  return absent('security', 'AppArmor', `profile ${defaultProfile} is not loaded: ${why}`, without)
}

function limitsSeen({ path, covers }: DoctorOptions['lxcfs'] = { path: undefined, covers: 0 }): DoctorCheck {
  const without = 'free, nproc and uptime in a container tell of the machine'
  if (path !== undefined && covers > 0) return found('tools', 'LXCFS', `${covers} files at ${path}`)
  return absent('tools', 'LXCFS', path === undefined ? 'switched off (GANTRY_LXCFS)' : `not running at ${path}`, without)
}

function journal(journalctl: string | undefined): DoctorCheck {
  if (!existsSync(journalSocket)) return absent('tools', 'journald', 'not running', 'no log driver journald')
  if (journalctl === undefined) return absent('tools', 'journald', 'running, without journalctl', 'logs of driver journald cannot be read')
  return found('tools', 'journald', `running, read by ${journalctl}`)
}
