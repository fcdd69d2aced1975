import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { languageSteps } from './language-steps.ts'
import { testImage as image } from './support/test-image.ts'

/** Where one engine's run of the script keeps its files. */
export interface Place {
  readonly folder: string
  /** Archive of the test image. */
  readonly archive: string
}

/** One command of the stock client, and what it comes to: the same words judge every engine. */
export interface Step {
  run(place: Place): string[]
  /** What it reads from its standard input. */
  input?: string
  exit?: number
  /** Standard output, after masking; left out where engines word it differently. */
  out?: string | RegExp
  err?: RegExp
  /** Its output may come in another order, or has changing parts that the others do not have. */
  mask?: (output: string) => string
  /** What Docker's engine of Debian answers instead, and the row of docs/docker-compat.md that says why. */
  differs?: { row: string; exit?: number; out?: string | RegExp; err?: RegExp }
}

const sorted = (output: string) => output.split('\n').sort().join('\n').trim()
const step = (run: string[], expected: Omit<Step, 'run'> = {}): Step => ({ run: () => run, ...expected })
const inFolder = (run: (place: Place) => string[], expected: Omit<Step, 'run'> = {}): Step => ({ run, ...expected })
const inspect = (name: string, format: string, out: string): Step => step(['inspect', '--format', format, name], { out: `${out}\n` })

const system: Step[] = [
  step(['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}'], { out: /^linux\/(amd64|arm64)\n$/ }),
  step(['info', '--format', '{{.OSType}} {{.CgroupDriver}} {{.Swarm.LocalNodeState}}'], { out: 'linux cgroupfs inactive\n' }),
  step(['node', 'ls'], { exit: 1, err: /This node is not a swarm manager/ }),
  step(['ps', '--filter', 'odd=1'], { exit: 1, err: /invalid filter 'odd'/i }),
]

const images: Step[] = [
  inFolder(({ archive }) => ['load', '-i', archive], { out: `Loaded image: ${image}\n` }),
  step(['images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}', 'judge'], { out: /^judge:1 sha256:[0-9a-f]{64}\n$/ }),
  step(['image', 'inspect', '--format', '{{.Os}} {{json .Config.Cmd}} {{json .Config.Env}} {{len .RootFS.Layers}}', image], {
    out: 'linux ["sh"] ["PATH=/bin","FROM_IMAGE=yes"] 1\n',
  }),
  step(['history', '--format', '{{.CreatedBy}}', image], { out: 'test\n' }),
  step(['tag', image, 'judge:two']),
  step(['images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'reference=judge:*'], { out: 'judge:1\njudge:two', mask: sorted }),
  inFolder(({ folder }) => ['save', '-o', join(folder, 'saved.tar'), 'judge:two']),
  step(['rmi', 'judge:two'], { out: 'Untagged: judge:two\n' }),
  inFolder(({ folder }) => ['load', '-q', '-i', join(folder, 'saved.tar')], { out: 'Loaded image: judge:two\n' }),
  step(['builder', 'prune', '-af'], { out: /^Total(:\t| reclaimed space: )0B\n$/ }),
  step(['image', 'inspect', 'nosuch:1'], { exit: 1, err: /No such image: nosuch:1/ }),
  step(['rmi', 'nosuch:1'], { exit: 1, err: /No such image: nosuch:1/ }),
]

const runs: Step[] = [
  step(['run', '--rm', image, 'echo', 'hello'], { out: 'hello\n' }),
  step(['run', '--rm', image, 'sh', '-c', 'echo out; echo err >&2; exit 7'], { exit: 7, out: 'out\n', err: /^err\n$/ }),
  step(['run', '--rm', '-i', image, 'cat'], { input: 'a line\nand another\n', out: 'a line\nand another\n' }),
  step(['run', '--rm', image, 'nosuch'], { exit: 127, err: /not found/ }),
  step(['run', '--rm', image, '/etc'], { exit: 126, err: /permission denied|is a directory/i }),
  step(['run', '--rm', '-w', '/www', '-u', '1000:1000', '-e', 'A=b', '-h', 'judged', image, 'sh', '-c', 'pwd; id -u; echo $A; hostname'], {
    out: '/www\n1000\nb\njudged\n',
  }),
  step(['run', '--rm', '--read-only', image, 'touch', '/x'], { exit: 1, err: /Read-only file system/ }),
  step(['run', '--rm', '--memory', '32m', '--pids-limit', '10', '--entrypoint', 'echo', image, 'limited'], { out: 'limited\n' }),
  step(['run', '--rm', '--cap-drop', 'ALL', image, 'grep', 'CapEff', '/proc/self/status'], { out: 'CapEff:\t0000000000000000\n' }),
  step(['run', '--rm', '--tmpfs', '/t:size=1m', image, 'sh', '-c', 'grep -c " /t tmpfs" /proc/mounts'], { out: '1\n' }),
  step(['run', '--rm', '--ulimit', 'nofile=64:128', image, 'sh', '-c', 'ulimit -n; ulimit -Hn'], { out: '64\n128\n' }),
  step(['run', '--rm', '--name', 'web', '--nosuch', image], { exit: 125, err: /unknown flag/ }),
  step(['create', '--name', 'made', image, 'echo', 'made'], { out: /^[0-9a-f]{64}\n$/ }),
  step(['create', '--name', 'made', image], { exit: 1, err: /Conflict\. The container name "\/made" is already in use/ }),
  step(['start', '-a', 'made'], { out: 'made\n' }),
  step(['container', 'inspect', '--format', '{{.State.Status}} {{.State.ExitCode}}', 'made'], { out: 'exited 0\n' }),
  step(['wait', 'made'], { out: '0\n' }),
  step(['rm', 'made'], { out: 'made\n' }),
  step(['rm', 'made'], { exit: 1, err: /No such container: made/ }),
]

const containers: Step[] = [
  step(['run', '-d', '--name', 'web', '--label', 'role=web', '-p', '127.0.0.1::80', image, 'httpd', '-f', '-h', '/www']),
  step(['ps', '--filter', 'label=role=web', '--format', '{{.Names}} {{.Image}} {{.State}}'], { out: `web ${image} running\n` }),
  step(['ps', '--filter', 'name=web', '--format', '{{.Status}}'], { out: /^Up / }),
  inspect(
    'web',
    '{{.State.Status}} {{.Name}} {{.Config.Labels.role}} {{json .Config.Env}}',
    'running /web web ["PATH=/bin","FROM_IMAGE=yes"]',
  ),
  inspect(
    'web',
    '{{json .Config.Cmd}} {{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}} {{.Driver}}',
    '["httpd","-f","-h","/www"] no 0 overlay2',
  ),
  step(['port', 'web', '80'], { out: /^127\.0\.0\.1:\d+\n$/ }),
  step(['exec', 'web', 'wget', '-qO-', 'http://127.0.0.1/'], { out: 'hello from the test image\n' }),
  step(['exec', '-e', 'X=y', '-w', '/tmp', '-u', 'guest', 'web', 'sh', '-c', 'echo $X; pwd; id -un'], { out: 'y\n/tmp\nguest\n' }),
  step(['exec', '-i', 'web', 'sh', '-c', 'read line; echo got $line'], { input: 'it\n', out: 'got it\n' }),
  step(['exec', 'web', 'sh', '-c', 'exit 9'], { exit: 9 }),
  step(['exec', 'web', 'nosuch'], { exit: 127, differs: { row: 'exec of a missing command', exit: 126 } }),
  step(['exec', 'nosuch', 'true'], { exit: 1, err: /No such container: nosuch/ }),
  step(['top', 'web', '-eo', 'pid,comm'], {
    out: 'PID COMMAND\nN httpd\n',
    mask: (output) => output.replace(/\d+/g, 'N').replace(/ +/g, ' '),
  }),
  step(['stats', '--no-stream', '--format', '{{.Name}} {{.PIDs}}', 'web'], { out: 'web 1\n' }),
  step(['exec', '-d', 'web', 'touch', '/tmp/detached']),
  // Nobody waited for it: it counts among the processes until it has ended.
  step(['exec', 'web', 'sh', '-c', 'until [ -e /tmp/detached ]; do sleep 0.1; done']),
  inFolder(({ folder }) => {
    writeFileSync(join(folder, 'note'), 'from the host\n')
    return ['cp', join(folder, 'note'), 'web:/tmp/note']
  }),
  step(['exec', 'web', 'cat', '/tmp/note'], { out: 'from the host\n' }),
  inFolder(({ folder }) => ['cp', 'web:/www/index.html', join(folder, 'copied')]),
  inFolder(({ folder }) => ['cp', join(folder, 'copied'), 'web:/tmp/nosuch/'], { exit: 1 }),
  step(['cp', 'web:/nosuch', '-'], {
    exit: 1,
    err: /Could not find the file \/nosuch in container web|No such container:path: web:\/nosuch/,
  }),
  step(['diff', 'web'], { out: 'A /tmp/detached\nA /tmp/note\nC /tmp', mask: sorted }),
  step(['pause', 'web'], { out: 'web\n' }),
  inspect('web', '{{.State.Status}}', 'paused'),
  step(['exec', 'web', 'true'], { exit: 1, err: /is paused/ }),
  step(['unpause', 'web'], { out: 'web\n' }),
  step(['update', '--memory', '64m', '--memory-swap', '64m', '--restart', 'on-failure:2', 'web'], { out: 'web\n' }),
  inspect('web', '{{.HostConfig.Memory}} {{.HostConfig.RestartPolicy.Name}}', '67108864 on-failure'),
  step(['update', '--restart', 'no', 'web'], { out: 'web\n' }),
  step(['rename', 'web', 'www'], { out: '' }),
  step(['restart', '-t', '0', 'www'], { out: 'www\n' }),
  step(['kill', '-s', 'KILL', 'www'], { out: 'www\n' }),
  step(['wait', 'www'], { out: '137\n' }),
  step(['kill', 'www'], { exit: 1, err: /is not running/ }),
  step(['ps', '-a', '--filter', 'status=exited', '--format', '{{.Names}}'], { out: 'www\n' }),
  step(['commit', '--change', 'CMD ["cat","/tmp/note"]', '-m', 'kept', 'www', 'judge:committed'], { out: /^sha256:[0-9a-f]{64}\n$/ }),
  step(['run', '--rm', 'judge:committed'], { out: 'from the host\n' }),
  inFolder(({ folder }) => ['export', '-o', join(folder, 'exported.tar'), 'www']),
  inFolder(({ folder }) => ['import', join(folder, 'exported.tar'), 'judge:imported'], { out: /^sha256:[0-9a-f]{64}\n$/ }),
  step(['run', '--rm', 'judge:imported', '/bin/cat', '/tmp/note'], { out: 'from the host\n' }),
  step(['start', 'www'], { out: 'www\n' }),
  step(['stop', '-t', '0', 'www'], { out: 'www\n' }),
  step(['rm', 'www'], { out: 'www\n' }),
  step(['run', '-d', '--name', 'talker', image, 'sh', '-c', 'echo two >&2; sleep 1; echo one; echo three']),
  step(['wait', 'talker'], { out: '0\n' }),
  step(['logs', 'talker'], { out: 'one\nthree\n', err: /^two\n$/ }),
  step(['logs', '--tail', '1', 'talker'], { out: 'three\n' }),
  step(['logs', '-t', 'talker'], { out: /^\d{4}-\d\d-\d\dT[\d:.]+Z one\n/ }),
  step(['rm', '-f', 'talker'], { out: 'talker\n' }),
  step(['create', '-i', '--name', 'reader', image, 'sh', '-c', 'read line; echo read $line']),
  step(['start', '-ai', 'reader'], { input: 'this\n', out: 'read this\n' }),
  step(['rm', 'reader'], { out: 'reader\n' }),
  step(['run', '-d', '--name', 'late', image, 'sh', '-c', 'sleep 3; echo late; exit 5']),
  step(['attach', '--no-stdin', 'late'], { out: 'late\n', exit: 5 }),
  step(['container', 'prune', '-f'], { out: /^Deleted Containers:\n[0-9a-f]{64}\n\nTotal reclaimed space: / }),
]

const networks: Step[] = [
  step(['network', 'create', '--subnet', '10.91.0.0/24', 'front'], { out: /^[0-9a-f]{64}\n$/ }),
  step(['network', 'create', 'front'], { exit: 1, err: /network with name front already exists/ }),
  step(['network', 'ls', '--filter', 'name=front', '--format', '{{.Name}} {{.Driver}} {{.Scope}}'], { out: 'front bridge local\n' }),
  step(['network', 'inspect', '--format', '{{(index .IPAM.Config 0).Subnet}} {{.Internal}}', 'front'], { out: '10.91.0.0/24 false\n' }),
  step([
    'run',
    '-d',
    '--name',
    'server',
    '--network',
    'front',
    '--network-alias',
    'alpha',
    '--ip',
    '10.91.0.9',
    image,
    'httpd',
    '-f',
    '-h',
    '/www',
  ]),
  step(['run', '--rm', '--network', 'front', image, 'wget', '-qO-', 'http://alpha/'], { out: 'hello from the test image\n' }),
  step(
    [
      ...['run', '--rm', '--network', 'front', '--dns', '192.0.2.1', '--dns-search', 'example.net', '--dns-option', 'timeout:1', image],
      ...[
        'sh',
        '-c',
        'sort /etc/resolv.conf; for name in alpha server.front; do nslookup -type=a $name 127.0.0.11; done; nslookup 10.91.0.9 127.0.0.11',
      ],
    ],
    { out: /nameserver 127\.0\.0\.11\noptions timeout:1 ndots:0\nsearch example\.net\n[\s\S]*10\.91\.0\.9[\s\S]*server\.front/ },
  ),
  inspect('server', '{{.NetworkSettings.Networks.front.IPAddress}}', '10.91.0.9'),
  step(['network', 'rm', 'front'], { exit: 1, err: /has active endpoints/ }),
  step(['network', 'create', '--internal', 'back'], { out: /^[0-9a-f]{64}\n$/ }),
  step(['network', 'connect', '--alias', 'beta', 'back', 'server']),
  step(['run', '--rm', '--network', 'back', image, 'wget', '-qO-', 'http://beta/'], { out: 'hello from the test image\n' }),
  step(['network', 'disconnect', 'back', 'server']),
  step(['network', 'rm', 'back'], { out: 'back\n' }),
  step(['run', '--rm', '--network', 'none', image, 'ls', '/sys/class/net'], { out: 'lo\n' }),
  step(['run', '--rm', '--network', 'container:server', image, 'wget', '-qO-', 'http://127.0.0.1/'], {
    out: 'hello from the test image\n',
  }),
  step(['rm', '-f', 'server'], { out: 'server\n' }),
  step(['network', 'prune', '-f'], { out: 'Deleted Networks:\nfront\n\n' }),
]

const volumes: Step[] = [
  step(['volume', 'create', '--label', 'kept=yes', 'letters'], { out: 'letters\n' }),
  step(['volume', 'ls', '--format', '{{.Name}} {{.Driver}}'], { out: 'letters local\n' }),
  step(['volume', 'inspect', '--format', '{{.Name}} {{.Scope}} {{.Labels.kept}}', 'letters'], { out: 'letters local yes\n' }),
  step(['run', '--rm', '-v', 'letters:/data', image, 'sh', '-c', 'echo dear > /data/a']),
  step(['run', '--rm', '-v', 'letters:/data:ro', image, 'cat', '/data/a'], { out: 'dear\n' }),
  step(['run', '--rm', '-v', 'letters:/data:ro', image, 'touch', '/data/b'], { exit: 1, err: /Read-only/ }),
  inFolder(({ folder }) => ['run', '--rm', '-v', `${folder}:/host:ro`, image, 'cat', '/host/note'], { out: 'from the host\n' }),
  step(['create', '--name', 'holder', '-v', 'letters:/data', image]),
  step(['volume', 'rm', 'letters'], { exit: 1, err: /volume is in use/ }),
  step(['run', '--rm', '--volumes-from', 'holder', image, 'cat', '/data/a'], { out: 'dear\n' }),
  step(['rm', 'holder'], { out: 'holder\n' }),
  step(['volume', 'rm', 'letters'], { out: 'letters\n' }),
  step(['volume', 'rm', 'letters'], { exit: 1, err: /no such volume/i }),
  step(['volume', 'create'], { out: /^[0-9a-f]{64}\n$/ }),
  step(['volume', 'prune', '-f'], { out: /^(Deleted Volumes:\n[0-9a-f]{64}\n\n)?Total reclaimed space: 0B\n$/ }),
]

const builds: Step[] = [
  inFolder(
    ({ folder }) => {
      writeFileSync(
        join(folder, 'Dockerfile'),
        `FROM ${image}\nARG WORD=none\nCOPY note /note\nRUN echo $WORD > /word\nCMD cat /note /word\n`,
      )
      return ['build', '-q', '--build-arg', 'WORD=built', '-t', 'judge:built', folder]
    },
    { out: /^sha256:[0-9a-f]{64}\n$/ },
  ),
  step(['run', '--rm', 'judge:built'], { out: 'from the host\nbuilt\n' }),
  ...languageSteps,
  // What Docker's builder keeps for its cache are images without names.
  step(['image', 'prune', '-f'], { out: 'pruned', mask: () => 'pruned' }),
  step(['system', 'df', '--format', '{{.Type}}'], { out: 'Images\nContainers\nLocal Volumes\nBuild Cache\n' }),
  step(['events', '--since', '1', '--until', '2', '--filter', 'type=container'], { out: '' }),
  step(['system', 'prune', '-f'], {
    out: /^Deleted build cache objects:\n[\s\S]*Total reclaimed space: /,
    differs: { row: 'system prune after a build', out: /^Total reclaimed space: / },
  }),
  step(['rmi', 'judge:committed', 'judge:imported', 'judge:built', 'judge:two', image], {
    out: /Untagged: judge:1\n/,
    // The classic builder of dockerd makes images of the steps in between, too.
    mask: (output) => output.replace(/(Deleted: sha256:[0-9a-f]{64}\n)+/g, 'Deleted\n'),
  }),
  step(['images', '-q', 'judge'], { out: '' }),
]

/** Every subcommand of the stock client that makes sense on one machine. */
export const steps: readonly Step[] = [...system, ...images, ...runs, ...containers, ...networks, ...volumes, ...builds]
