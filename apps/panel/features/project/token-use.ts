/** What goes into the client's `config.json`. */
export function tokenConfig(token: string): string {
  return JSON.stringify({ HttpHeaders: { 'X-Gantry-Token': token } }, null, 2)
}

/** Commands that keep the token apart from the user's other engines and use it. The socket is where `GANTRY_RUN` puts it by default. */
export function tokenShell(projectId: string): string {
  const folder = `~/.docker/gantry-${projectId}`
  return [
    `mkdir -p ${folder} && chmod 700 ${folder}`,
    `nano ${folder}/config.json    # the configuration above`,
    'export DOCKER_HOST=unix:///run/gantry/docker.sock',
    `docker --config ${folder} run --rm -it busybox sh`,
  ].join('\n')
}
