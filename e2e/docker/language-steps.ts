import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Step } from './steps.ts'
import { testImage as image } from './support/test-image.ts'

/** Dockerfile variables, which linters take for a template's. */
const variable = (name: string) => `$\{${name}}`

const first = `# escape=\`
ARG BASE=${image}
FROM ${variable('BASE')} AS first
ARG NAME=nobody
ARG BASE
ENV A=1 B="two words" C=$A
ENV D one line ${variable('A:-x')}${variable('NO:+y')}
LABEL a=b "c d"="e \`
f"
MAINTAINER somebody <some@body>
WORKDIR /srv
WORKDIR sub
COPY --chown=guest:1000 tree /srv/tree/
COPY ["with space", "tree/*.txt", "./"]
ADD packed.tar.gz unpacked/
ADD tree/a.txt renamed
# No part of it
RUN echo "$NAME ${variable('BASE:-nothing')} $A" > made; \`
    # nor this
    mkdir gone; touch gone/x
RUN ["/bin/sh", "-c", "rm -r gone; id -u > who"]
USER guest
RUN id -un > /tmp/who
USER root
HEALTHCHECK --interval=1m30s --timeout=2s --retries=4 CMD echo hi
SHELL ["/bin/sh", "-ec"]
RUN echo shelled; ! false; echo after
EXPOSE 80 53/udp 8000-8001/tcp
VOLUME /data
VOLUME ["/json", "/list"]
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/echo", "says"]
CMD ["from", "first"]
ONBUILD COPY note /late
ONBUILD RUN cat /late
FROM first
CMD never
`
const second = `FROM judge:first AS built
HEALTHCHECK NONE
FROM ${image}
COPY --from=built /late /srv/sub/made /from/
COPY --from=0 /srv/tree /tree
COPY --from=${image} /www/index.html /
CMD cat /from/* /index.html; ls /tree
`

/** A context with everything that the instructions of these Dockerfiles name. */
function context(folder: string): string {
  const path = join(folder, 'language')
  mkdirSync(join(path, 'tree/deep'), { recursive: true })
  const files = { note: 'late\n', 'with space': 's', 'tree/a.txt': 'a\n', 'tree/b.txt': 'b\n', 'tree/deep/c': 'c', 'tree/skip.log': 'no' }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content)
  execFileSync('tar', ['-czf', join(path, 'packed.tar.gz'), '-C', join(path, 'tree'), 'a.txt', 'deep'])
  writeFileSync(join(path, '.dockerignore'), '# logs\n*.log\n**/*.log\nfirst\nsecond\n')
  writeFileSync(join(path, 'first'), first)
  writeFileSync(join(path, 'second'), second)
  return path
}

/** What engines choose: ids of images and containers, and how they sum up files. */
const chosen = (output: string) =>
  output
    // Docker makes a container for each step that only changes the configuration, too.
    .replace(/^ ---> Running in [0-9a-f]{12}\nRemoving intermediate container [0-9a-f]{12}\n/gm, '')
    .replace(/ ?(file|dir|multi):[0-9a-f,]+/g, ' $1:SUM')
    // It prints the settings of a check as its own memory has them.
    .replace(/HEALTHCHECK [&{].*/, 'HEALTHCHECK CHECK')
    .replace(/^( ---> (Running in )?|Removing intermediate container |Successfully built )[0-9a-f]{12}$/gm, '$1ID')
    .replace(/^Sending build context.*$/gm, '')
const build = (file: string, args: string[], expected: Omit<Step, 'run'> = {}): Step => ({
  run({ folder }) {
    const path = context(folder)
    return ['build', '-f', join(path, file), ...args, path]
  },
  mask: chosen,
  ...expected,
})
/** The Dockerfile comes from standard input. */
const told = (input: string, expected: Omit<Step, 'run'> = {}, ...args: string[]): Step => ({
  run: () => ['build', ...args, '-'],
  mask: chosen,
  input,
  ...expected,
})
const ask = (run: string[], expected: Omit<Step, 'run'> = {}): Step => ({ run: () => run, mask: chosen, ...expected })
const config =
  '{{json .Config.Env}} {{json .Config.Labels}} {{json .Config.ExposedPorts}} {{json .Config.Volumes}} {{.Config.WorkingDir}} {{.Config.User}} ' +
  '{{json .Config.Healthcheck}} {{.Config.StopSignal}} {{json .Config.Shell}} {{json .Config.OnBuild}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Author}}'
const script = 'pwd; find /srv | sort; cat made who /tmp/who; stat -c "%U %G %a %n" /srv/tree/a.txt a.txt /srv/sub; ls -d /data /json'

/** The whole language of the classic builder, each form once. */
export const languageSteps: readonly Step[] = [
  build('first', ['--target', 'first', '--build-arg', 'NAME=me', '--build-arg', 'ODD=1', '-t', 'judge:first']),
  build('first', ['--target', 'first', '--build-arg', 'NAME=me', '-q'], { out: /^sha256:[0-9a-f]{64}\n$/ }),
  ask(['image', 'inspect', '--format', config, 'judge:first']),
  ask(['history', '--no-trunc', '--format', '{{.CreatedBy}}', 'judge:first']),
  ask(['run', '--rm', '--entrypoint', 'sh', 'judge:first', '-c', script], { out: /^\/srv\/sub\n/ }),
  ask(['run', '--rm', 'judge:first'], { out: 'says from first\n' }),
  build('second', ['-t', 'judge:second', '--label', 'given=yes', '--no-cache']),
  ask(['run', '--rm', 'judge:second'], { out: /^late\nme judge:1 1\nhello from the test image\na.txt\nb.txt\ndeep\n$/ }),
  ask(['image', 'inspect', '--format', '{{json .Config.Healthcheck}} {{json .Config.Labels}} {{json .Config.OnBuild}}', 'judge:second']),
  told(
    `FROM ${image}\nRUN ls /sys/class/net; ulimit -n; grep judged /etc/hosts\n`,
    { out: /\nlo\n66\n/ },
    ...'--network none --ulimit nofile=66:66 --add-host judged:10.9.8.7'.split(' '),
  ),
  told(`FROM ${image}\nRUN exit 42\n`, { exit: 42, err: /The command '\/bin\/sh -c exit 42' returned a non-zero code: 42/ }, '--force-rm'),
  told(`FROM ${image}\nCOPY nosuch /\n`, {
    exit: 1,
    err: /COPY failed: file not found in build context or excluded by \.dockerignore: stat nosuch: file does not exist/,
  }),
  told(`FROM ${image}\nNOSUCH x\n`, { exit: 1, err: /dockerfile parse error.* line 2: unknown instruction: NOSUCH/i }),
  told(`FROM ${image}\nRUN --mount=type=cache,target=/x true\n`, {
    exit: 1,
    err: /the --mount option requires BuildKit|the --mount option of RUN requires BuildKit/,
  }),
  told(`FROM ${image}\nONBUILD FROM x\n`, { exit: 1, err: /FROM isn't allowed as an ONBUILD trigger/i }),
  told(`FROM ${image}\n`, { exit: 1, err: /failed to reach build target nosuch in Dockerfile/ }, '--target', 'nosuch'),
  ask(['rmi', 'judge:second', 'judge:first'], { mask: () => 'removed' }),
]
