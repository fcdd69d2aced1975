import { spawn } from 'node:child_process'
import { accessSync, constants, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { buildInitramfs } from './kernel.mjs'

const probeMs = 15_000

/** Arguments that every machine shares. */
export function machine(accelerator, { memory, cpus, kernel, initramfs, append = '' }) {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot', '-machine', 'q35', '-m', memory, '-smp', String(cpus)],
    ...(accelerator === 'kvm' ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max,-la57']),
    ...['-kernel', kernel.image, '-initrd', initramfs],
    '-append',
    `console=ttyS0 quiet panic=-1 oops=panic mitigations=off random.trust_cpu=on systemd.unified_cgroup_hierarchy=1 net.ifnames=0 ${append}`,
  ]
}

/**
 * KVM where a stock kernel really boots with it: some nested set-ups offer /dev/kvm but cannot run an unmodified kernel.
 * The answer is kept per host kernel.
 */
export async function chooseAccelerator(kernel) {
  try {
    accessSync('/dev/kvm', constants.R_OK | constants.W_OK)
  } catch {
    return 'tcg'
  }
  const answer = join(kernel.cache, `kvm-${release()}`)
  if (!existsSync(answer)) {
    const initramfs = join(kernel.cache, 'probe.cpio')
    await buildInitramfs(kernel, initramfs, {})
    const options = { memory: '512M', cpus: 1, kernel, initramfs, append: 'gantry.probe' }
    writeFileSync(answer, (await boots(machine('kvm', options))) ? 'kvm' : 'tcg')
  }
  return readFileSync(answer, 'utf8')
}

function boots(args) {
  return new Promise((resolve) => {
    const child = spawn('qemu-system-x86_64', [...args, '-serial', 'stdio'], { stdio: ['ignore', 'pipe', 'ignore'] })
    const timer = setTimeout(() => child.kill('SIGKILL'), probeMs)
    let text = ''
    child.stdout.on('data', (chunk) => {
      text += chunk
    })
    child.once('error', () => resolve(false))
    child.once('close', () => {
      clearTimeout(timer)
      resolve(text.includes('gantry-probe-ok'))
    })
  })
}
