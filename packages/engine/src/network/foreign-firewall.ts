import type { NetworkState } from './state.ts'

/**
 * Base chains of others that drop forwarded packets unless a rule of theirs accepts (docker's `FORWARD` is one): an accept in our own
 * table cannot overrule them. `text` is the result of `nft.chains`.
 */
export function forwardBlockers(text: string, ownTable: string): string[] {
  return text
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, table, , hook, policy]) => hook === 'forward' && policy === 'drop' && table !== ownTable)
    .map(([family, table, chain]) => `${family} ${table} ${chain}`)
}

/** Says so once, with the remedy; the host's own rules are not ours to change. */
export async function warnOfForeignFirewalls(state: NetworkState): Promise<void> {
  const [text = ''] = await state.ops([['nft.chains']])
  const chains = forwardBlockers(text, state.names.table)
  if (chains.length === 0) return
  state.log('warn', 'another firewall on this host drops forwarded packets: containers cannot reach the outside until it accepts them', {
    chains,
    remedy: `accept packets from and to interfaces ${state.names.bridgePrefix}* there, e.g. in chain DOCKER-USER: iptables -I DOCKER-USER -i ${state.names.bridgePrefix}+ -j ACCEPT; iptables -I DOCKER-USER -o ${state.names.bridgePrefix}+ -j ACCEPT`,
  })
}
