"use strict";
(() => {
  const PAGE_SIZE = 200;
  const FILTERS = ["q", "type", "status", "check", "unit"];

  const byId = (id) => document.getElementById(id);
  const accounts = JSON.parse(byId("data").textContent).accounts;
  const fields = Object.fromEntries(FILTERS.map((name) => [name, byId(name)]));
  const headings = [...document.querySelectorAll("#rows th[data-sort]")];
  const body = document.querySelector("#rows tbody");
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const valueAt = (account, path) => path.reduce((value, key) => value?.[key], account);
  const columns = headings.map((heading) => ({
    title: heading.dataset.sort,
    path: JSON.parse(heading.dataset.path),
    order: JSON.parse(heading.dataset.order),
    notes: JSON.parse(heading.dataset.notes),
  }));
  const textColumns = columns.filter((column) => !column.order.length);
  const searchTexts = new Map(
    accounts.map((account) => [
      account,
      textColumns.map((column) => valueAt(account, column.path)).join("\n").toLowerCase(),
    ]),
  );

  let sortColumn;
  let descending = false;
  let shown = PAGE_SIZE;
  let matching = accounts;

  const matches = (account, filter) => {
    const types = filter.type ? [filter.type] : Object.keys(account.contacts);
    const statuses = filter.status.split(" ");
    const [check, result] = filter.check.split(":");
    return (
      filter.q.toLowerCase().split(/\s+/).every((part) => searchTexts.get(account).includes(part)) &&
      (!filter.status || types.some((type) => statuses.includes(account.contacts[type].status))) &&
      (!check || account.checks[check] === result) &&
      (!filter.unit || `${account.organizationalUnit} / `.startsWith(`${filter.unit} / `))
    );
  };

  const compare = (one, other) => {
    const { path, order } = sortColumn;
    const [left, right] = [valueAt(one, path), valueAt(other, path)];
    return order.length ? order.indexOf(left) - order.indexOf(right) : collator.compare(left, right);
  };

  const element = (name, className, text) => {
    const created = document.createElement(name);
    if (className) created.className = className;
    if (text !== undefined) created.textContent = text;
    return created;
  };

  const notesOf = (account, { notes }) => {
    const values = notes.map((note) => valueAt(account, note)).filter(Boolean);
    // Only one value is a list: the fields that two contacts share.
    return values.map((value) => (Array.isArray(value) ? `same ${value.join(", ")}` : value));
  };

  const statusCell = (account, column) => {
    const status = valueAt(account, column.path);
    const cell = element("td");
    cell.append(element("span", `badge is-${status}`, status));
    cell.append(...notesOf(account, column).map((note) => element("span", "note", note)));
    const errorCode = valueAt(account, [...column.path.slice(0, -1), "errorCode"]);
    if (errorCode) cell.title = errorCode;
    return cell;
  };

  const row = (account) => {
    const created = element("tr");
    const [first, ...others] = columns;
    const name = element("th", "", valueAt(account, first.path) || "(no name)");
    name.scope = "row";
    created.append(name);
    for (const column of others) {
      created.append(
        column.order.length ? statusCell(account, column) : element("td", "", valueAt(account, column.path)),
      );
    }
    return created;
  };

  const show = () => {
    const page = matching.slice(0, shown);
    body.replaceChildren(...page.map(row));
    if (!page.length) {
      const cell = element("td", "nothing", "No account matches. Clear the filter to see all accounts.");
      cell.colSpan = columns.length;
      const empty = element("tr");
      empty.append(cell);
      body.append(empty);
    }
    byId("more").hidden = matching.length <= shown;
    const number = (value) => value.toLocaleString("en");
    const part = page.length < matching.length ? `, the first ${number(page.length)} shown` : "";
    byId("count").textContent = `${number(matching.length)} of ${number(accounts.length)} ${accounts.length === 1 ? "account" : "accounts"}${part}`;
  };

  const currentFilter = () => Object.fromEntries(FILTERS.map((name) => [name, fields[name].value.trim()]));

  const update = () => {
    const filter = currentFilter();
    matching = accounts.filter((account) => matches(account, filter));
    if (sortColumn) matching.sort((one, other) => (descending ? compare(other, one) : compare(one, other)));
    for (const heading of headings) {
      if (heading.dataset.sort === sortColumn?.title) heading.ariaSort = descending ? "descending" : "ascending";
      else heading.removeAttribute("aria-sort");
    }
    shown = PAGE_SIZE;
    show();
  };

  // The fragment of the address holds filter and order, so that a view of the page can be linked.
  const writeFragment = () => {
    const fragment = new URLSearchParams(Object.entries(currentFilter()).filter(([, value]) => value));
    if (sortColumn) fragment.set("sort", (descending ? "-" : "") + sortColumn.title);
    history.replaceState(null, "", `#${fragment}`);
  };

  // Returns whether the fragment holds a filter or an order.
  const readFragment = () => {
    const fragment = new URLSearchParams(location.hash.slice(1));
    if (![...FILTERS, "sort"].some((name) => fragment.has(name))) return false;
    for (const name of FILTERS) fields[name].value = fragment.get(name) ?? "";
    const order = fragment.get("sort") ?? "";
    descending = order.startsWith("-");
    sortColumn = columns.find((column) => column.title === order.replace(/^-/, ""));
    return true;
  };

  let typing = 0;
  byId("filter").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => {
      update();
      writeFragment();
    }, 150);
  });
  byId("filter").addEventListener("submit", (event) => event.preventDefault());
  byId("filter").addEventListener("reset", () => setTimeout(() => {
    sortColumn = undefined;
    update();
    writeFragment();
  }));
  headings.forEach((heading, index) => {
    heading.querySelector("button").addEventListener("click", () => {
      descending = sortColumn === columns[index] && !descending;
      sortColumn = columns[index];
      update();
      writeFragment();
    });
  });
  byId("more").addEventListener("click", () => {
    shown += PAGE_SIZE;
    show();
  });
  const followFragment = () => {
    if (!readFragment()) return;
    update();
    byId("accounts").focus();
    byId("accounts").scrollIntoView();
  };
  addEventListener("hashchange", followFragment);
  addEventListener("click", (event) => {
    // A link to the current fragment fires no hashchange.
    if (event.target.closest("a")?.hash === location.hash) followFragment();
  });
  addEventListener("beforeprint", () => {
    shown = matching.length;
    show();
  });

  if (readFragment()) byId("accounts").scrollIntoView();
  update();
})();
