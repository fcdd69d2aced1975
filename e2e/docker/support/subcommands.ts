import { runProgram } from './client.ts'

/** Left out of the count: what is no engine's of one host, and why. */
const elsewhere: readonly [RegExp, string][] = [
  [/^(swarm|node|service|stack|secret|config) /, 'needs a swarm'],
  [/^plugin /, 'engine plugins: docs/docker-compat.md'],
  [/^checkpoint /, 'the client hides it from an engine that is not experimental'],
  [/^(trust|manifest) /, 'between the client and a registry or notary, without the engine'],
  [/^context /, "the client's own files"],
  [/^volume update$/, 'cluster volumes, which need a swarm'],
  [/^image search$/, 'asks Docker Hub'],
]

/** Every command of this docker client that an engine of one host is to answer, by its long name. */
export async function subcommands(client: string, env: Record<string, string>): Promise<string[]> {
  const found = new Set<string>()
  const walk = async (command: readonly string[]) => {
    const { stdout } = await runProgram(client, [...command, '--help'], env)
    const children = childrenOf(stdout)
    if (children.length === 0) found.add(longName(command))
    for (const child of children) await walk([...command, child])
  }
  await walk([])
  return [...found].filter((name) => !elsewhere.some(([pattern]) => pattern.test(name))).sort()
}

/** Names below headings such as `Commands:` and `Management Commands:`. */
function childrenOf(help: string): string[] {
  const names: string[] = []
  let isList = false
  for (const line of help.split('\n')) {
    if (/^\S/.test(line)) isList = /Commands:$/.test(line)
    const [, name] = /^ {2}([a-z][\w-]*)\*? /.exec(line) ?? []
    if (isList && name) names.push(name)
  }
  return names
}

const ofContainers =
  'attach commit cp create diff exec export kill logs pause port rename restart rm run start stats stop top unpause update wait'.split(' ')
const ofImages = 'build history import load pull push save search tag'.split(' ')
const others: Record<string, string> = {
  ...{
    ps: 'container ls',
    images: 'image ls',
    rmi: 'image rm',
    events: 'system events',
    info: 'system info',
    'builder build': 'image build',
  },
}
const groups = [
  'builder',
  'checkpoint',
  'config',
  'container',
  'context',
  'image',
  'manifest',
  'network',
  'node',
  'plugin',
  'secret',
  'service',
]
const moreGroups = ['stack', 'swarm', 'system', 'trust', 'volume']

/** `docker ps -a` and `docker container ls` are one command. */
export function longName([first = '', second = '', third = '']: readonly string[]): string {
  if (first === 'trust' && (second === 'key' || second === 'signer')) return `trust ${second} ${third}`
  const given = [...groups, ...moreGroups].includes(first) ? `${first} ${second}` : first
  if (ofContainers.includes(given)) return `container ${given}`
  if (ofImages.includes(given)) return `image ${given}`
  return others[given] ?? given
}
