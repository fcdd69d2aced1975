/**
 * Runs tests (or any command) on a stock Debian kernel with the unified cgroup hierarchy, in a throw-away virtual machine:
 *
 *   node scripts/vm.mjs                     the root tests of cgroups, mounts and starts
 *   node scripts/vm.mjs FILE.root.test.ts…  these root tests
 *   node scripts/vm.mjs -- COMMAND…         a command, in the root of the repository
 *
 * The machine sees this one's files read-only and writes to an ext4 disk of its own. Slow without KVM (about ten times).
 * Needs root, and the Debian packages qemu-system-x86, busybox-static, cpio, kmod and e2fsprogs, which it installs.
 */
import { spawn } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  realpathSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ask, run } from './lib/command.mjs'
import { fail, say, step } from './lib/say.mjs'
import { root } from './lib/stamp.mjs'
import { debianPackages } from './setup.mjs'
import { buildInitramfs, debianKernel } from './vm/kernel.mjs'
import { chooseAccelerator, machine } from './vm/qemu.mjs'

const packages = ['qemu-system-x86', 'busybox-static', 'cpio', 'kmod', 'e2fsprogs']
/**
 * What differs from newer kernels and the older hierarchy: limits, what the machine can do, starts, what isolates and shifts them;
 * and what the kernel at hand may lack: ipvlan, sctp, AppArmor.
 */
const defaultTests = [
  'packages/engine/src/cgroup',
  'packages/engine/src/doctor',
  'packages/engine/src/kernel/start.root.test.ts',
  'packages/engine/src/kernel/isolation.root.test.ts',
  'packages/agent/src/unshifted.root.test.ts',
  'packages/agent/src/limits.root.test.ts',
  'packages/agent/src/apparmor.root.test.ts',
]
const diskBytes = 20 * 1024 ** 3

if (process.getuid() !== 0) fail('the virtual machine shares files that only root can read: run this as root')
const dash = process.argv.indexOf('--')
const named = process.argv.slice(2, dash < 0 ? undefined : dash)
const command =
  dash >= 0
    ? process.argv.slice(dash + 1)
    : [process.execPath, 'node_modules/vitest/vitest.mjs', 'run', '--project', 'root', ...(named.length > 0 ? named : defaultTests)]

try {
  process.exit(await runInMachine(command))
} catch (error) {
  fail(error.message, 125)
}

async function runInMachine(argv) {
  await debianPackages(packages)
  const kernel = await debianKernel()
  const accelerator = await chooseAccelerator(kernel)
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gantry-vm-')))
  try {
    const initramfs = join(folder, 'initramfs.cpio')
    const disk = join(folder, 'disk')
    await buildInitramfs(kernel, initramfs, { settings: settings(kernel), command: script(argv) })
    writeFileSync(disk, '')
    truncateSync(disk, diskBytes)
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', '-E', 'lazy_itable_init=1,lazy_journal_init=1,nodiscard', disk])
    say(`booting Debian's Linux ${kernel.version} (${accelerator})`)
    return await step(argv.join(' '), () => boot(folder, machine(accelerator, { memory: '4G', cpus: 2, kernel, initramfs }), disk))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function settings(kernel) {
  const merged = ask('readlink', ['/lib']) !== null
  return `WORKDIR='${root}'\nMODULES_SOURCE='${kernel.modules}'\nMODULES_TARGET='${merged ? '/usr' : ''}/lib/modules/${kernel.version}'\n`
}

function script(argv) {
  const quoted = argv.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const environment = { PATH: process.env.PATH, HOME: '/root', GANTRY_VM: '1', CI: process.env.CI ?? '' }
  const exports = Object.entries(environment).map(([name, value]) => `export ${name}='${value}'`)
  return [...exports, `cd '${root}' || exit 125`, `exec ${quoted}`, ''].join('\n')
}

/** Boots, passes the output on while it grows, and resolves with the command's exit status. */
async function boot(folder, args, disk) {
  const share = (tag, path, readOnly) => [
    '-fsdev',
    `local,id=${tag},path=${path},security_model=none,multidevs=remap${readOnly ? ',readonly=on' : ''}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ]
  const results = mkdtempSync(join(folder, 'results-'))
  const console_ = join(folder, 'console')
  const child = spawn(
    'qemu-system-x86_64',
    [
      ...args,
      ...['-serial', `file:${console_}`],
      ...['-drive', `file=${disk},if=none,id=disk,format=raw,cache=unsafe,discard=unmap`, '-device', 'virtio-blk-pci,drive=disk'],
      ...share('root', '/', true),
      ...share('results', results, false),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  )
  const stop = () => child.kill('SIGKILL')
  process.once('exit', stop)
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  const output = follow(join(results, 'output'))
  const timer = setInterval(output, 200)
  await ended
  clearInterval(timer)
  process.off('exit', stop)
  output()
  const status = join(results, 'status')
  if (existsSync(status)) return Number(readFileSync(status, 'utf8'))
  throw new Error(`the virtual machine ended without a result:\n${existsSync(console_) ? readFileSync(console_, 'utf8').slice(-4000) : ''}`)
}

/** A function that prints what the file has gained since the last call. */
function follow(path) {
  const chunk = Buffer.alloc(64 * 1024)
  let at = 0
  return () => {
    if (!existsSync(path)) return
    const fd = openSync(path, 'r')
    for (let count = readSync(fd, chunk, 0, chunk.length, at); count > 0; count = readSync(fd, chunk, 0, chunk.length, at)) {
      process.stdout.write(chunk.subarray(0, count))
      at += count
    }
    closeSync(fd)
  }
}
