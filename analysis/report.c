#include "analysis/report.h"

#include "analysis/doc.h"
#include "analysis/outfile.h"
#include "analysis/report_data.h"
#include "analysis/report_page.h"

bool report_write(const struct folder *folder, const struct report_options *options, struct error *error)
{
    struct outfile out;
    struct json_t *data = report_data(folder, options, error);
    if (!data)
        return false;
    if (!outfile_open(&out, folder->path, "report.html", error)) {
        doc_free(data);
        return false;
    }
    fwrite(report_page_before, 1, report_page_before_bytes, out.file);
    if (!doc_write_in_html(data, out.file) && !ferror(out.file)) {
        outfile_abort(&out);
        return error_set(error, ERROR_MEMORY, "error: no memory for report.html");
    }
    fwrite(report_page_after, 1, report_page_after_bytes, out.file);
    return outfile_commit(&out, false, error);
}

bool report_has_charts(void)
{
    return report_page_has_charts;
}

size_t report_page_bytes(void)
{
    return report_page_before_bytes + report_page_after_bytes;
}
