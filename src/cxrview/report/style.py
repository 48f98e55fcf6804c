"""How the page looks: dark on light, one column on a phone, no colour that alone says anything."""

STYLE = """
body { margin: 0; background: #fff; color: #1a1a1a; font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 64rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ccc; }
p { max-width: 46rem; }
.warning { border-left: 4px solid #b34700; padding: .25rem .75rem; background: #fff5ec; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
td { white-space: nowrap; }
tbody th, th:first-child { text-align: left; font-weight: 500; }
thead th, thead th:first-child { border-bottom: 2px solid #666; vertical-align: bottom; }
thead th, thead th:first-child { font-weight: 700; }
.charts + .wide { margin-top: 1rem; }
li.held::marker { content: "\\2713  "; }
li.refused::marker { content: "\\2717  "; }
li { margin: .4rem 0; max-width: 46rem; }
figure { margin: 0; }
figcaption { font-size: .85rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; }
.grid { stroke: #e2e2e2; } .ideal { stroke: #888; stroke-dasharray: 5 4; }
.curve { fill: none; stroke: #005a9c; stroke-width: 2.5; }
.whisker { stroke: #005a9c; stroke-width: 1.5; } .dot { fill: #005a9c; }
.tick { font-size: 12px; fill: #444; } .axis { font-size: 13px; fill: #1a1a1a; }
.gallery { display: grid; gap: 1rem; }
.gallery { grid-template-columns: repeat(auto-fill, minmax(11.5rem, 1fr)); }
.gallery figure { border-top: 4px solid #888; padding-top: .4rem; break-inside: avoid; }
.gallery figure.error { border-top-color: #b34700; }
.gallery img { display: block; width: 100%; height: 11rem; object-fit: contain; background: #111; }
.file { overflow-wrap: anywhere; font-family: ui-monospace, monospace; font-size: .8rem; }
@media print { main { max-width: none; padding: 0; } section { break-inside: auto; } }
"""
