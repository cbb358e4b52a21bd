"""What a page gives to those who see little or use no mouse: contrast of its text, and what the Tab key reaches."""

from __future__ import annotations

from playwright.sync_api import Page

LEAST, LEAST_LARGE = 4.5, 3.0  # WCAG 2.2, level AA, 1.4.3; large is 24 px, or 18.66 px and bold; icons: 1.4.11
PRESSES = 250

# Text on canvases (tables) isn't in the document: its colours are the theme's, which the other text has too.
_COLOURS = """
  const parse = c => { const m = c.match(/[\\d.]+/g).map(Number);
    const unit = c.startsWith('color(') ? 255 : 1;
    return [m[0] * unit, m[1] * unit, m[2] * unit, m.length > 3 ? m[3] : 1]; };
  const over = (a, b) => { const k = a[3] + b[3] * (1 - a[3]);
    return k === 0 ? [0, 0, 0, 0]
      : [...[0, 1, 2].map(i => (a[i] * a[3] + b[i] * b[3] * (1 - a[3])) / k), k]; };
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const ratio = (a, b) => { const [x, y] = [light(a), light(b)];
    return (Math.max(x, y) + 0.05) / (Math.min(x, y) + 0.05); };
  const ground = e => { let found = [0, 0, 0, 0];
    for (; e && found[3] < 1; e = e.parentElement) found = over(found, parse(getComputedStyle(e).backgroundColor));
    return over(found, [255, 255, 255, 1]); };
  const large = (size, weight) => size >= 24 || (size >= 18.66 && weight >= 700);
"""
_CONTRAST = (
    f"""([least, leastLarge]) => {{{_COLOURS}"""
    + """
  const faults = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode, e = node.parentElement, text = node.textContent.trim();
    if (!text || !e.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    if (e.closest('canvas, script, style, svg, [disabled], [aria-disabled=true], [data-stale=true]')) continue;
    const box = document.createRange(); box.selectNode(node);
    const {width, height} = box.getBoundingClientRect();
    if (width < 2 || height < 2) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), colour = parse(style.color);
    for (let up = e; up; up = up.parentElement) colour[3] *= Number(getComputedStyle(up).opacity);
    const back = ground(e), found = ratio(over(colour, back), back);
    const big = large(size, Number(style.fontWeight)) || e.closest('[data-testid=stIconMaterial]');
    const limit = big ? leastLarge : least;
    if (found < limit - 0.005) faults.add(`${found.toFixed(2)} ${style.color} ${text.slice(0, 40)}`);
  }
  return [...faults];
}"""
)
# What is painted under a chart's text is asked of the browser, at three points of its line: marks as well as the page.
_CHARTS = (
    f"""([least, leastLarge]) => {{{_COLOURS}"""
    + """
  const all = document.createElement('style');
  all.textContent = 'svg, svg * { pointer-events: all !important }';
  document.head.append(all);
  const seen = (e, property) => { let k = 1;
    for (let up = e; up; up = up.parentElement) k *= Number(getComputedStyle(up).opacity);
    return k * Number(property ? getComputedStyle(e)[property] : 1); };
  const paint = e => { const style = getComputedStyle(e), svg = e instanceof SVGElement && e.tagName !== 'svg';
    const value = svg ? style.fill : style.backgroundColor;
    if (value === 'none' || value.startsWith('url')) return [0, 0, 0, 0];
    const colour = parse(value);
    colour[3] *= svg ? seen(e, 'fillOpacity') : 1;
    return colour; };
  const under = (text, x, y) => { let found = [0, 0, 0, 0];
    const stack = document.elementsFromPoint(x, y), place = stack.indexOf(text);
    for (const e of stack.slice(place + 1)) {
      if (e.tagName !== 'text') found = over(found, paint(e));
      if (found[3] === 1) break;
    }
    return over(found, [255, 255, 255, 1]); };
  const charts = '[data-testid=stVegaLiteChart] svg text, [data-testid=stGraphVizChart] svg text';
  const told = {texts: 0, faults: new Set()};
  for (const e of document.querySelectorAll(charts)) {
    const text = e.textContent.trim(), style = getComputedStyle(e), colour = parse(style.fill);
    colour[3] *= seen(e, 'fillOpacity');
    if (!text || colour[3] === 0 || e.getBoundingClientRect().width < 2) continue;
    e.scrollIntoView({block: 'center', inline: 'center'});
    const {left, top, width, height} = e.getBoundingClientRect();
    told.texts += 1;
    const limit = large(parseFloat(style.fontSize), Number(style.fontWeight)) ? leastLarge : least;
    for (const share of [0.1, 0.5, 0.9]) {
      const back = under(e, left + share * width, top + height / 2), found = ratio(over(colour, back), back);
      if (found < limit - 0.005) told.faults.add(`${found.toFixed(2)} ${style.fill} ${text.slice(0, 40)}`);
    }
  }
  all.remove();
  window.scrollTo(0, 0);
  return {texts: told.texts, faults: [...told.faults]};
}"""
)
_MARK = """() => { const e = document.activeElement;
  if (!e || e === document.body) return 'out';
  if (e === window.lastReached) return 'same';  // Tab moves within it, as from cell to cell of a table's row
  window.lastReached = e;
  if (e.dataset.reached) return 'again';
  e.dataset.reached = '1'; return 'new'; }"""
_UNREACHED = """() => {
  const wanted = 'a[href], button, input:not([type=hidden]), textarea, summary, [role=combobox], [role=slider]';
  const groups = ['[role=radiogroup]', '[role=tablist]', '[role=combobox]', '[data-testid=stMultiSelect]',
    '[data-testid=stSelectbox]', '[data-testid=stButtonGroup]'].join();
  return [...document.querySelectorAll(wanted)]
    .filter(e => e.checkVisibility({opacityProperty: true, visibilityProperty: true}))
    .filter(e => !e.disabled && !e.dataset.reached)
    .filter(e => !e.closest('[aria-hidden=true], [inert]') && e.getBoundingClientRect().width > 1)
    .filter(e => !(e.closest(groups)?.querySelector('[data-reached]') || e.closest(groups)?.dataset.reached))
    .map(e => `${e.tagName} ${(e.ariaLabel || e.innerText || e.id).slice(0, 60)}`);
}"""


def low_contrast(page: Page) -> list[str]:
    """Texts with less contrast than WCAG AA asks for, each with its ratio and colour."""
    found: list[str] = page.evaluate(_CONTRAST, [LEAST, LEAST_LARGE])
    return found


def low_contrast_of_charts(page: Page) -> tuple[int, list[str]]:
    """How many texts the charts of the page hold, and those with less contrast than WCAG AA asks for beside what is
    painted under them, each with its ratio and colour.
    """
    told = page.evaluate(_CHARTS, [LEAST, LEAST_LARGE])
    return int(told["texts"]), list(told["faults"])


def unreached(page: Page) -> list[str]:
    """Visible controls that the Tab key does not come to from the top of the page, nor to another of their group."""
    page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0); }")
    seen = 0
    for _ in range(PRESSES):
        page.keyboard.press("Tab")
        told = page.evaluate(_MARK)
        seen += told == "new"
        if told == "again" or (told == "out" and seen):
            break
    found: list[str] = page.evaluate(_UNREACHED)
    return found
