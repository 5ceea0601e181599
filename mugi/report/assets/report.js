// Searchable tables: the DataTables of the package itables, whose module is text in datatables.js,
// since a page opened from disk may import no file. Without scripts the tables are all there, whole.
(async () => {
  const opened = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const inner = target.matches("details") ? target : target.querySelector("details");
    if (inner) inner.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", opened);
  const tables = [...document.querySelectorAll("table.searchable")];
  if (tables.length) {
    const bytes = Uint8Array.from(atob(window.mugiDataTables), (sign) => sign.charCodeAt(0));
    const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
    const { default: DataTable } = await import(url);
    URL.revokeObjectURL(url);
    tables.forEach((element) => searchable(DataTable, element));
  }
  opened();
  document.documentElement.dataset.ready = "yes";
})();

function searchable(DataTable, element) {
  const table = new DataTable(element, {
    autoWidth: false,
    info: true,
    layout: { topStart: "info", topEnd: "search", bottomStart: null, bottomEnd: null },
    language: { search: "Search this table" },
    order: [],
    paging: false,
  });
  const form = document.getElementById(element.dataset.filters);
  if (!form) return;
  const choices = [...form.querySelectorAll("select")];
  const tags = (index) => JSON.parse(table.row(index).node().dataset.tags || "{}");
  table.search.fixed("tags", (text, cells, index) =>
    choices.every((one) => !one.value || (tags(index)[one.name] || []).includes(one.value)));
  form.addEventListener("change", () => table.draw());
  form.addEventListener("submit", (event) => event.preventDefault());
  const asked = new URLSearchParams(location.search);
  choices.filter((one) => asked.has(one.name)).forEach((one) => { one.value = asked.get(one.name); });
  table.draw();
  form.hidden = false;
}
