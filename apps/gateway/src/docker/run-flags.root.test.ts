import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { availableParallelism, hostname } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { TestInstance } from '../testing/test-instance.ts'

/** Flags of `docker run` by the stock client: what is asked, what is run inside, what it says. */
let instance: TestInstance

beforeAll(async () => {
  instance = await TestInstance.start()
  await docker('run', '-d', '--name', 'donor', '--ipc', 'shareable', '-v', '/data', 'busybox', 'sleep', '100000')
})
afterAll(() => instance[Symbol.asyncDispose]())

async function docker(...args: string[]): Promise<{ status: number | null; out: string }> {
  const env = { ...process.env, DOCKER_HOST: `unix://${join(instance.runDir, 'docker.sock')}`, DOCKER_CONFIG: instance.dataDir }
  const child = spawn('docker', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk) => {
      out += chunk
    })
  const [status] = (await once(child, 'close')) as [number | null]
  // What the engine has to say about the choice is not what the command said.
  return {
    status,
    out: out
      .replaceAll('\r', '')
      .replace(/^WARNING: .*\n?/gm, '')
      .trim(),
  }
}

async function post(path: string, body: object): Promise<number | undefined> {
  const headers = { 'content-type': 'application/json' }
  const asked = request({ socketPath: join(instance.runDir, 'docker.sock'), method: 'POST', path, headers })
  asked.end(JSON.stringify(body))
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

const v1 = (controller: string, file: string, unified: string) =>
  `cat /sys/fs/cgroup/${controller}/${file} 2>/dev/null || cat /sys/fs/cgroup/${unified}`
const isV2 = !readFileSync('/proc/self/mountinfo', 'utf8').includes(' - cgroup cgroup ')
const MiB = 2 ** 20

/** [flags, command inside, what it says] */
const seen: [flags: string, command: string, says: string | RegExp][] = [
  ['-m 64m', v1('memory', 'memory.limit_in_bytes', 'memory.max'), String(64 * MiB)],
  ['-m 64m --memory-swap -1', v1('memory', 'memory.limit_in_bytes', 'memory.max'), String(64 * MiB)],
  ['-m 64m --memory-reservation 32m', v1('memory', 'memory.soft_limit_in_bytes', 'memory.low'), String(32 * MiB)],
  ['--cpus 0.5', v1('cpu', 'cpu.cfs_quota_us', 'cpu.max'), isV2 ? '50000 100000' : '50000'],
  ['--cpu-period 50000 --cpu-quota 20000', v1('cpu', 'cpu.cfs_quota_us', 'cpu.max'), isV2 ? '20000 50000' : '20000'],
  ['-c 512', v1('cpu', 'cpu.shares', 'cpu.weight'), isV2 ? '59' : '512'],
  ['--cpuset-cpus 0', 'nproc', '1'],
  ['--pids-limit 33', v1('pids', 'pids.max', 'pids.max'), '33'],
  ['--pids-limit -1', v1('pids', 'pids.max', 'pids.max'), 'max'],
  ['--oom-score-adj 77', 'cat /proc/self/oom_score_adj', '77'],
  ['--shm-size 3m', 'df -k /dev/shm | tail -1', / 3072 /],
  ['--ulimit nofile=123:456', 'ulimit -Sn; ulimit -Hn', '123\n456'],
  ['--hostname named --domainname example.org', 'hostname; cat /proc/sys/kernel/domainname', 'named\nexample.org'],
  ['-u 33:44 --group-add 55', 'id -u; id -g; id -G', '33\n44\n44 55'],
  ['-u nobody', 'id -un; echo $HOME', /^nobody\n\//],
  ['-w /made/here', 'pwd', '/made/here'],
  ['-e A=1 -e B=', 'echo "$A-$B-$HOSTNAME" | cut -c1-3', '1--'],
  // A name without a value takes the variable away, the image's and the engine's own alike.
  ['-e HOSTNAME -e NEVER_SET', 'env | grep -c HOSTNAME', '0'],
  ['-t', 'echo $TERM; test -t 0 || echo no', /^xterm/],
  ['--read-only', 'touch /x 2>&1; touch /dev/shm/y && echo shm', /Read-only file system\nshm/],
  ['--tmpfs /t:size=1m,mode=700', 'df -k /t | tail -1; stat -c %a /t', / 1024 [\s\S]*\n700$/],
  ['--tmpfs /t', 'grep " /t " /proc/mounts', /nosuid,nodev,noexec/],
  ['--tmpfs /t:exec,uid=5', 'cp /bin/busybox /t/echo && /t/echo runs; stat -c %u /t', 'runs\n5'],
  ['--cap-drop ALL', 'grep CapEff /proc/self/status', /0000000000000000$/],
  ['--cap-drop ALL --cap-add chown', 'grep CapEff /proc/self/status', /0000000000000001$/],
  ['', 'grep CapEff /proc/self/status', /00000000a80425fb$/],
  ['--security-opt no-new-privileges', 'grep NoNewPrivs /proc/self/status', /1$/],
  ['', 'grep NoNewPrivs /proc/self/status', /0$/],
  ['', 'grep Seccomp: /proc/self/status', /2$/],
  ['--security-opt seccomp=unconfined', 'grep Seccomp: /proc/self/status', /0$/],
  ['--security-opt systempaths=unconfined', 'grep -c " /proc/sys " /proc/mounts', '0'],
  ['--security-opt label=type:x', 'echo fine', 'fine'],
  // Not of net.core, which not every kernel shows to user namespaces.
  ['--sysctl net.ipv4.ip_default_ttl=77', 'cat /proc/sys/net/ipv4/ip_default_ttl', '77'],
  ['--sysctl kernel.msgmax=9999', 'cat /proc/sys/kernel/msgmax', '9999'],
  ['', 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start', '0'],
  ['--init', 'cat /proc/1/comm; ls /sbin/docker-init', /init\n\/sbin\/docker-init$/],
  ['--device /dev/fuse:/dev/own:r', 'stat -c %t:%T /dev/own; sh -c ": >/dev/own" 2>&1', /^a:e5\n.*not permitted$/],
  ['--device-cgroup-rule "c 1:5 rwm"', 'echo fine', 'fine'],
  ['--privileged', 'grep -c " /sys " /proc/mounts; grep Seccomp: /proc/self/status', /\n.*0$/],
  ['--pid container:donor', 'cat /proc/1/cmdline | tr "\\0" " "', 'sleep 100000'],
  ['--pid host', `cat /proc/${process.pid}/comm | wc -l`, '1'],
  ['--ipc container:donor', 'df -k /dev/shm | tail -1', / 65536 /],
  ['--ipc none', 'ls -d /dev/shm 2>&1', /No such file/],
  ['--uts host', 'hostname', hostname()],
  ['--network none', 'ls /sys/class/net', 'lo'],
  ['--network host --cgroupns host', 'hostname', hostname()],
  ['--userns host', 'cat /proc/self/uid_map | tr -s " "', /^ ?0 0 /],
  ['--cgroupns private', 'cat /proc/self/cgroup | grep -c :/$', /^[1-9]/],
  ['--volumes-from donor:ro', 'touch /data/x 2>&1', /Read-only/],
  ['--entrypoint echo', 'said', 'sh -c said'],
  ...(isV2 ? [['--security-opt writable-cgroups=true', 'mkdir /sys/fs/cgroup/x && echo made', 'made'] as [string, string, string]] : []),
  ['--cgroup-parent /x.slice/y --cgroupns host --pids-limit 33', `grep -c default/sub-x.slice/sub-y/ /proc/self/cgroup`, /^[1-9]/],
  ['--annotation a=b --label c=d --stop-signal SIGINT --stop-timeout 3 --restart no', 'echo fine', 'fine'],
  ['--kernel-memory 64m', 'echo fine', /fine$/],
  ['--log-driver local --log-opt max-size=1m --log-opt compress=false', 'echo fine', 'fine'],
]

test.each(seen)('run %s: %s', async (flags, command, says) => {
  const words = (flags.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))
  const { out } = await docker('run', '--rm', ...words, 'busybox', 'sh', '-c', command)
  if (typeof says === 'string') expect(out).toBe(says)
  else expect(out).toMatch(says)
})

/** [flags, Docker's words] */
const refused: [flags: string, words: string][] = [
  ['-m 1m', 'Minimum memory limit allowed is 6MB'],
  ['-m 64m --memory-swap 32m', 'Minimum memoryswap limit should be larger than memory limit, see usage'],
  ['--memory-swap 64m', 'You should always set the Memory limit when using Memoryswap limit, see usage'],
  ['-m 64m --memory-reservation 128m', 'Minimum memory limit can not be less than memory reservation limit, see usage'],
  ['--cpus 0.5 --cpu-quota 20000', 'Conflicting options: Nano CPUs and CPU Quota cannot both be set'],
  ['--cpu-period 10', 'CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)'],
  ['--cpu-quota 10', 'CPU cfs quota can not be less than 1ms (i.e. 1000)'],
  ['--cpuset-cpus x', 'Invalid value x for cpuset cpus'],
  [`--cpus ${availableParallelism() + 1}`, 'cpus'],
  ['--blkio-weight 5', 'Range of blkio weight is from 10 to 1000'],
  ['--oom-score-adj 1001', 'Invalid value 1001, range for oom score adj is [-1000, 1000]'],
  ['--security-opt what=ever', 'invalid --security-opt 2: "what=ever"'],
  ['--security-opt writable-cgroups=maybe', 'invalid --security-opt 2: "writable-cgroups=maybe"'],
  ['--security-opt writable-cgroups=true --cgroupns host', 'writable cgroups'],
  ['--runtime nope', 'unknown or invalid runtime name: nope'],
  ['--gpus all', 'could not select device driver "" with capabilities: [[gpu]]'],
  ['--storage-opt speed=1g', 'unknown option speed'],
  ['--storage-opt size=much', "invalid size: 'much'"],
  ['--storage-opt size=1g', "--storage-opt is supported only for overlay over xfs with 'pquota' mount option"],
  ['--cgroup-parent /x/../../y', 'cgroupParent: must be at most eight names'],
  ['--log-driver gelf', "logger: no log driver named 'gelf' is registered"],
  ['--log-opt max-speed=1', "unknown log opt 'max-speed' for json-file log driver"],
  ['--log-opt compress=true', 'compress cannot be true when max-file is less than 2 or max-size is not set'],
  ['--log-opt mode=never', 'logging mode "never" is not supported'],
  ['--restart sometimes', "unknown policy 'sometimes'"],
  ['--sysctl kernel.panic=1', 'kernel.panic'],
  ['--ipc container:nobody', 'No such container: nobody'],
  ['--device /dev/nowhere', '/dev/nowhere'],
]

test.each(refused)('run %s is refused: %s', async (flags, words) => {
  const { status, out } = await docker('run', ...flags.split(' '), 'busybox', 'true')
  expect(out).toContain(words)
  expect(status).toBe(125)
})

describe('what is kept and changed', () => {
  test('inspect tells what was asked for', async () => {
    const log = ['--log-driver', 'local', '--log-opt', 'max-size=2m', '--log-opt', 'tag={{.Name}}', '--log-opt', 'mode=non-blocking']
    const { out: id } = await docker('create', '--annotation', 'a=b', '--volumes-from', 'donor:ro', '--pids-limit', '-1', ...log, 'busybox')
    const host = JSON.parse((await docker('inspect', '-f', '{{json .HostConfig}}', id)).out)
    expect(host).toMatchObject({
      Annotations: { a: 'b' },
      PidsLimit: -1,
      LogConfig: { Type: 'local', Config: { 'max-size': '2m', 'max-file': '5', tag: '{{.Name}}', mode: 'non-blocking' } },
    })
    expect(host.VolumesFrom[0]).toMatch(/^[0-9a-f]{64}:ro$/)
    await docker('rm', id)
  })

  test('update takes limits away as docker does', async () => {
    const { out: id } = await docker('run', '-d', '-m', '64m', '--pids-limit', '9', 'busybox', 'sleep', '1000')
    // The stock client has no word for memory without limit, the interface does.
    expect(await post(`/containers/${id}/update`, { Memory: -1, MemorySwap: -1 })).toBe(200)
    expect(await docker('update', '--pids-limit', '-1', id)).toEqual({ status: 0, out: id })
    const { Memory, PidsLimit } = JSON.parse((await docker('inspect', '-f', '{{json .HostConfig}}', id)).out)
    expect([Memory, PidsLimit]).toEqual([0, -1])
    expect((await docker('exec', id, 'sh', '-c', v1('pids', 'pids.max', 'pids.max'))).out).toBe('max')
    await docker('rm', '-f', id)
  })

  test('logs of a driver that keeps none say so', async () => {
    const { out: id } = await docker('run', '-d', '--log-driver', 'none', 'busybox', 'true')
    expect((await docker('logs', id)).out).toContain('configured logging driver does not support reading')
    await docker('rm', '-f', id)
  })
})
