/* The key table, the schema, the list and the shipped examples. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/key.h"
#include "configs/list.h"
#include "configs/schema.h"
#include "sim/pt/pt.h"
#include "test_configs_support.h"

Test(configs_list, every_default_is_a_value_that_the_key_takes)
{
    for (size_t i = 0; i < key_count; i++) {
        const struct key *key = &key_table[i];
        const char *texts[KEY_VENDORS + 1] = {key->text};
        for (size_t k = 0; k < KEY_VENDORS; k++)
            texts[k + 1] = key->vendor_text[k];
        cr_expect_eq(key_find(key->name), key);
        for (size_t k = 0; k < KEY_VENDORS + 1; k++) {
            struct error_list messages = {0};
            struct key_value value, usual;
            if (!texts[k])
                continue;
            struct node *node = yaml_parse(texts[k], strlen(texts[k]), (struct place){"x", 1, 1}, &messages);
            cr_expect(key_parse(key, node, key->name, &value, &messages), "%s: %s", key->name, texts[k]);
            if (k == 0)
                cr_expect(key_default_value(key, NULL, &usual) && key_equal(key, &value, &usual), "%s",
                          key->name);
            node_free(node);
            error_list_free(&messages);
        }
    }
}

static char *text_of(bool (*write)(FILE *, struct error *))
{
    char *text = NULL;
    size_t bytes;
    struct error error = {0};
    FILE *out = open_memstream(&text, &bytes);
    cr_assert_not_null(out);
    cr_assert(write(out, &error), "%s", error.text);
    cr_assert_eq(fclose(out), 0);
    return text;
}

Test(configs_list, shipped_schema_is_up_to_date)
{
    char *text = text_of(schema_write);
    size_t bytes = strlen(text);
    char *shipped = calloc(1, bytes + 2);
    FILE *in = fopen(TEST_SOURCE_DIR "/configs/experiment.schema.json", "rb");
    cr_assert_not_null(in);
    cr_expect_eq(fread(shipped, 1, bytes + 1, in), bytes);
    fclose(in);
    cr_expect_str_eq(shipped, text, "run: dirtywalk list --schema > configs/experiment.schema.json");
    free(shipped);
    free(text);
}

static const char *listed;
static enum list_format listed_format;

static bool list_one(FILE *out, struct error *error)
{
    return list_write(out, listed, listed_format, error);
}

Test(configs_list, list_shows_what_exists)
{
    listed = NULL;
    char *all = text_of(list_one);
    for (size_t i = 0; i < key_count; i++)
        cr_expect_not_null(strstr(all, key_table[i].name), "%s", key_table[i].name);
    for (size_t i = 0; pt_formats[i]; i++)
        cr_expect_not_null(strstr(all, pt_formats[i]->summary));
    cr_expect_not_null(strstr(all, "\n  precopy                  rounds of a live migration over a link; the "
                                   "replay ends when the source stops\n"));
    cr_expect_not_null(strstr(all, "\n  amplification            reported_pages / written_pages (ratio)\n"));
    free(all);
    listed = "keys/harvest.interval";
    char *one = text_of(list_one);
    cr_expect_str_eq(
        one, "harvest.interval: time between harvests\n  type: time\n  default: 100ms\n"
             "  values: at least 1ns\n  used_by: harvest.policy periodic\n  column: harvest_interval_ns\n"
             "  section: 7\n");
    free(one);
    listed = "keys/iommu.pde";
    one = text_of(list_one);
    cr_expect_str_eq(one,
                     "iommu.pde: when an invalidation of pages drops table pointers too\n  type: choice\n"
                     "  default: freed\n  values: freed always\n  used_by: amd-v1\n  column: iommu_pde\n"
                     "  section: 7\n");
    free(one);
    listed = "limits/cells";
    listed_format = LIST_JSON;
    one = text_of(list_one);
    cr_expect_str_eq(
        one,
        "[\n  {\n    \"kind\": \"limits\",\n    \"name\": \"cells\",\n    \"summary\": \"cells of a plan\",\n"
        "    \"value\": \"1000000\"\n  }\n]\n");
    free(one);
    listed_format = LIST_MARKDOWN;
    one = text_of(list_one);
    cr_expect_str_eq(one, "## limits\n\nlimits of experiments\n\n| name | meaning | value |\n|---|---|---|\n"
                          "| `cells` | cells of a plan | 1000000 |\n");
    free(one);
}

Test(configs_list, list_suggests)
{
    struct error kind = {0}, name = {0};
    cr_expect_not(list_write(stdout, "modles", LIST_PLAIN, &kind));
    cr_expect_str_eq(kind.text, "list: \"modles\" is no known kind; did you mean \"models\"?");
    cr_expect_not(list_write(stdout, "models/amd-v2", LIST_PLAIN, &name));
    cr_expect_str_eq(name.text, "list: there is no \"amd-v2\" in models; did you mean \"amd-v1\"?");
    cr_expect_eq(name.kind, ERROR_EXPERIMENT);
}

/* The experiments that we ship load without a word. */
Test(configs_list, shipped_examples_load)
{
    static const struct {
        const char *name;
        size_t cells;
    } examples[] = {{"first", 12}, {"interval", 15},   {"page-size", 27}, {"churn", 17},
                    {"flush", 16}, {"iotlb-size", 24}, {"dbm", 12}};
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        struct loaded loaded = {0};
        char path[512];
        snprintf(path, sizeof path, TEST_SOURCE_DIR "/configs/examples/%s.yaml", examples[i].name);
        loaded.good = experiment_load(path, NULL, 0, &loaded.experiment, &loaded.messages) &&
                      plan_build(loaded.experiment, &loaded.plan, &loaded.messages);
        cr_assert(loaded.good, "%s", loaded.messages.error_count ? loaded.messages.errors[0].text : "");
        cr_expect_eq(loaded.messages.warning_count, 0, "%s",
                     loaded.messages.warning_count ? loaded.messages.warnings[0].text : "");
        cr_expect_eq(loaded.plan->cell_count, examples[i].cells);
        cr_expect_str_eq(loaded.experiment->name, examples[i].name);
        cr_expect_not_null(loaded.experiment->question);
        unload(&loaded);
    }
}
