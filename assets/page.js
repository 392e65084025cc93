// Sorts tables by the heading that is pressed, tells the value of the mark under the pointer or reached by arrow keys, opens folded
// text for print, and marks the section in view. The page's policy names the script by its hash.
'use strict';
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];

  // Tables. A cell's number is the first one in it; cells without one come last.
  const numberIn = (text) => {
    const found = /[-+\u2212]?\d+(\.\d+)?(e[-+]?\d+)?/i.exec(text.replace(/^G\d+\*?\s/, ''));
    return found ? Number(found[0].replace('\u2212', '-')) : NaN;
  };
  const compare = (a, b, numeric) => {
    if (!numeric) return a.localeCompare(b, 'en', { numeric: true });
    const [x, y] = [numberIn(a), numberIn(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? Number.isNaN(x) - Number.isNaN(y) : x - y;
  };
  for (const table of all('table.sortable')) {
    const body = table.tBodies[0];
    all('thead th', table).forEach((heading, column) => {
      const button = document.createElement('button');
      button.type = 'button';
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener('click', () => {
        const up = heading.getAttribute('aria-sort') !== 'ascending';
        const numeric = column > 0 && !heading.classList.contains('text');
        const text = (row) => row.cells[column]?.textContent.trim() ?? '';
        const rows = [...body.rows].sort((a, b) => {
          const order = compare(text(a), text(b), numeric);
          return up || (numeric && Number.isNaN(numberIn(text(a)) + numberIn(text(b)))) ? order : -order;
        });
        for (const other of all('thead th', table)) other.removeAttribute('aria-sort');
        heading.setAttribute('aria-sort', up ? 'ascending' : 'descending');
        body.append(...rows);
      });
    });
  }

  // Charts.
  const tip = document.createElement('div');
  tip.className = 'tip';
  tip.setAttribute('role', 'status');
  document.body.append(tip);
  let shown;
  const hide = () => {
    shown?.classList.remove('pointed');
    shown = undefined;
    tip.textContent = '';
  };
  const place = () => {
    if (!shown) return;
    const at = shown.getBoundingClientRect();
    const left = Math.min(
      at.left + at.width / 2 + 8,
      document.documentElement.clientWidth - tip.offsetWidth - 8,
    );
    const top = at.top - tip.offsetHeight - 8;
    tip.style.left = Math.max(8, left) + 'px';
    tip.style.top = (top > 4 ? top : at.bottom + 8) + 'px';
  };
  const show = (mark) => {
    if (mark === shown) return;
    hide();
    shown = mark;
    mark.classList.add('pointed');
    tip.textContent = mark.getAttribute('aria-label');
    place();
  };
  for (const chart of all('.chart')) {
    // The browser's own tips come late and not by keyboard.
    for (const title of all('path > title', chart)) title.remove();
    const marks = all('svg path[aria-label]', chart);
    chart.addEventListener('pointermove', (event) => {
      const mark = event.target.closest('path[aria-label]');
      if (mark) show(mark);
      else hide();
    });
    chart.addEventListener('pointerleave', hide);
    chart.addEventListener('blur', hide);
    chart.addEventListener('keydown', (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === 'Escape') hide();
      if (step === undefined || marks.length === 0) return;
      event.preventDefault();
      const next =
        marks[(marks.indexOf(shown) + step + marks.length + (shown || step > 0 ? 0 : 1)) % marks.length];
      next.scrollIntoView({ block: 'nearest', inline: 'nearest' });
      show(next);
    });
  }
  addEventListener('scroll', place, { passive: true, capture: true });

  // Print.
  let folded = [];
  addEventListener('beforeprint', () => {
    folded = all('details:not([open])');
    for (const details of folded) details.open = true;
  });
  addEventListener('afterprint', () => {
    for (const details of folded) details.open = false;
    folded = [];
  });

  // Table of contents.
  const links = new Map(all('nav a').map((link) => [link.hash.slice(1), link]));
  const inView = new Set();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) inView[isIntersecting ? 'add' : 'delete'](target.id);
      const current = [...links.keys()].find((id) => inView.has(id));
      for (const [id, link] of links) {
        if (id === current) link.setAttribute('aria-current', 'true');
        else link.removeAttribute('aria-current');
      }
    },
    { rootMargin: '-10% 0px -60% 0px' },
  );
  for (const section of all('main > section')) observer.observe(section);
})();
