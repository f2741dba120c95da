/** Makes elements. Text becomes text nodes: nothing here is ever read as HTML. */

export type Child = Node | string | undefined | false

/** Attributes by name; a function is a listener, without the `on` of its name. */
export type Properties = Readonly<
  Record<string, string | number | boolean | undefined | ((event: never) => void)>
>

export function h<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  properties: Properties = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(properties)) set(element, name, value)
  element.append(...children.filter((child) => child !== undefined && child !== false))
  return element
}

function set(element: Element, name: string, value: Properties[string]): void {
  if (value === undefined || value === false) return
  if (typeof value === 'function') {
    element.addEventListener(name.replace(/^on/, ''), value as EventListener)
  } else element.setAttribute(name, value === true ? '' : String(value))
}

/** Sets the text if it differs: an unchanged text keeps a selection, and costs no layout. */
export function setText(element: Node, text: string): void {
  if (element.textContent !== text) element.textContent = text
}

/** Makes the children these ones, in this order. Nodes that are in place already are not touched. */
export function setChildren(parent: Element, children: readonly Node[]): void {
  for (const [index, child] of children.entries()) {
    const present = parent.childNodes[index]
    if (present !== child) parent.insertBefore(child, present ?? null)
  }
  while (parent.childNodes.length > children.length) parent.lastChild?.remove()
}

const PATHS = {
  menu: 'M4 7h16M4 12h16M4 17h16',
  plus: 'M12 5v14M5 12h14',
  pencil: 'M4 20l1-4L16 5l3 3L8 19zM14 7l3 3',
  trash: 'M5 7h14M10 7V5h4v2M7 7l1 13h8l1-13M10.5 11v5M13.5 11v5',
  send: 'M12 19V6M6 12l6-6 6 6',
  stop: 'M8 8h8v8H8z',
  copy: 'M9 9h10v11H9zM15 9V5H5v11h4',
  check: 'M5 13l4.5 4.5L19 7',
  again: 'M19 12a7 7 0 1 1-2.2-5.1M19 4v4.5h-4.5',
  left: 'M14.5 6l-6 6 6 6',
  right: 'M9.5 6l6 6-6 6',
  down: 'M12 5v14M6 13l6 6 6-6',
  close: 'M6 6l12 12M18 6L6 18',
  plane: 'M3 13l18-8-6 16-3.5-6.5z',
  system: 'M4 5h16v11H4zM9 20h6M12 16v4',
  light:
    'M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2.5v2M12 19.5v2M2.5 12h2M19.5 12h2M5.3 5.3l1.4 1.4M17.3 17.3l1.4 1.4M18.7 5.3l-1.4 1.4M6.7 17.3l-1.4 1.4',
  dark: 'M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10z',
  tool: 'M14.5 6.5a4 4 0 0 0-5 5L4 17l3 3 5.5-5.5a4 4 0 0 0 5-5L15 12l-3-3z',
  thought:
    'M9.5 18h5M10 21h4M8.5 14.5a6 6 0 1 1 7 0c-.6.6-1 1.200-1 2.500h-5c0-1.300-.4-1.900-1-2.500z',
  warning: 'M12 4l9 16H3zM12 10v4M12 17v.5',
} as const

export type IconName = keyof typeof PATHS

const SVG = 'http://www.w3.org/2000/svg'

/** A picture beside a text, or inside a button that has a name. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg')
  svg.setAttribute('viewBox', '0 0 24 24')
  svg.setAttribute('class', 'icon')
  svg.setAttribute('aria-hidden', 'true')
  const path = document.createElementNS(SVG, 'path')
  path.setAttribute('d', PATHS[name])
  svg.append(path)
  return svg
}

/** A button that shows a picture, and has a name. */
export function iconButton(
  name: string,
  picture: IconName,
  onclick: (event: MouseEvent) => void,
  properties: Properties = {},
): HTMLButtonElement {
  return h(
    'button',
    {
      type: 'button',
      class: 'icon-button',
      title: name,
      'aria-label': name,
      onclick,
      ...properties,
    },
    icon(picture),
  )
}
