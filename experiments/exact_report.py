def write_exact_report(done, errors, folder):
    from analysis.table import read_table, summarise, write_table
    table = read_table(write_table(done.table, folder / "table.csv"))
