'use client'
import { DEFAULT_PROJECT, type Project, type Role, roles } from '@gantry/contracts'
import { useQuery } from '@tanstack/react-query'
import { parseAsString, useQueryState } from 'nuqs'
import { createContext, type ReactNode, useCallback, useContext, useEffect, useMemo, useState } from 'react'
import { useTRPC } from '@/lib/trpc.ts'

type ProjectChoice = {
  projects: readonly Project[]
  /** undefined while loading, or when the user is in no project */
  project: Project | undefined
  loading: boolean
  error: unknown
  choose: (id: string) => void
}
const Context = createContext<ProjectChoice | null>(null)
const storageKey = 'gantry.project'

/** The project that the pages are about: `?project=` first, then the last one used, then the first one there is. */
export function ProjectProvider({ children }: { children: ReactNode }) {
  const trpc = useTRPC()
  const list = useQuery(trpc.project.list.queryOptions())
  const [inUrl, setInUrl] = useQueryState('project', parseAsString)
  const [remembered, setRemembered] = useState<string | null>(null)
  useEffect(() => setRemembered(localStorage.getItem(storageKey)), [])
  const projects = useMemo(() => list.data ?? [], [list.data])
  const find = (id: string | null) => projects.find((project) => project.id === id)
  const project = find(inUrl) ?? find(remembered) ?? find(DEFAULT_PROJECT) ?? projects[0]
  useEffect(() => {
    if (inUrl && project?.id === inUrl) localStorage.setItem(storageKey, inUrl)
  }, [inUrl, project?.id])
  const choose = useCallback(
    (id: string) => {
      localStorage.setItem(storageKey, id)
      setRemembered(id)
      void setInUrl(id)
    },
    [setInUrl],
  )
  const value = useMemo(
    () => ({ projects, project, loading: list.isPending, error: list.error, choose }),
    [projects, project, list.isPending, list.error, choose],
  )
  return <Context.Provider value={value}>{children}</Context.Provider>
}

export function useProjects(): ProjectChoice {
  const value = useContext(Context)
  if (!value) throw new Error('useProjects outside of ProjectProvider')
  return value
}

/** The chosen project on pages that cannot be without one; it is written into the address so that links can be shared. */
export function useProject(): Project {
  const { project } = useProjects()
  const [inUrl, setInUrl] = useQueryState('project', parseAsString)
  useEffect(() => {
    if (project && inUrl !== project.id) void setInUrl(project.id, { history: 'replace' })
  }, [project, inUrl, setInUrl])
  if (!project) throw new Error('useProject without a project')
  return project
}

/** True when `role` is at least `needed`. */
export const hasRole = (role: Role, needed: Role) => roles.indexOf(role) >= roles.indexOf(needed)
