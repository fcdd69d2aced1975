import type { Page } from '@playwright/test'

// biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
type Answer = { status: number; data: any; error: { code: string; message: string } | undefined }

/** Calls a procedure that changes something, as whoever is signed in on the page. */
export async function mutate(page: Page, base: string, procedure: string, input: unknown): Promise<Answer> {
  const response = await page.request.post(`${base}/trpc/${procedure}`, { data: JSON.stringify(input), headers: jsonFrom(base) })
  const body = await response.json()
  return { status: response.status(), data: body.result?.data, error: body.error?.data.gantry }
}

/** As `mutate`, for what must succeed. */
// biome-ignore lint/suspicious/noExplicitAny: tests look at what they expect
export async function change(page: Page, base: string, procedure: string, input: unknown): Promise<any> {
  const { data, error } = await mutate(page, base, procedure, input)
  if (error) throw new Error(`${procedure}: ${error.code}: ${error.message}`)
  return data
}

const jsonFrom = (origin: string) => ({ 'content-type': 'application/json', origin })
