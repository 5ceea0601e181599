// The counter, and what holds for the running window and the one before: shared by the rows that the
// columns reach in the same cycle. A column is in the running window once its count has come down to
// it, one column a cycle; the columns behind are in the one before.
module window_control #(
    parameter W = 8
) (
    input            clk,
    input            reset,
    input            begin_window, // the next cycle is count 0 of a window
    input            nonlinear,    // of that window: values from the LUT, or else products
    input            exponential,  // which are added up
    input            first,        // the first step of k of an output tile, or of a softmax's keys
    input            last,         // the last step of k of an output tile
    input [2:0]      last_column,  // in use
    output reg       running,
    output           window_ends,
    output reg [2:0] count,
    output [W-1:0]   columns_current,
    output [W-1:0]   columns_previous,
    output reg       nonlinear_current,
    output reg       nonlinear_previous,
    output reg       exponential_current,
    output reg       exponential_previous,
    output reg       first_current,
    output reg       first_previous,
    output reg       last_current,
    output reg       last_previous,
    output reg [2:0] last_column_current,
    output reg [2:0] last_column_previous
);
    genvar j;
    generate
        for (j = 0; j < W; j = j + 1) begin : column
            wire late = running & count < j;
            assign columns_current[j] = ~late & last_column_current >= j;
            assign columns_previous[j] = late & last_column_previous >= j;
        end
    endgenerate

    assign window_ends = running & count == 7;

    always @(posedge clk)
        if (reset) begin
            running <= 0;
            count <= 0;
            nonlinear_current <= 0;
            nonlinear_previous <= 0;
            exponential_current <= 0;
            exponential_previous <= 0;
            first_current <= 0;
            first_previous <= 0;
            last_current <= 0;
            last_previous <= 0;
            last_column_current <= 0;
            last_column_previous <= 0;
        end else if (begin_window) begin
            running <= 1;
            count <= 0;
            nonlinear_current <= nonlinear;
            exponential_current <= exponential;
            first_current <= first;
            last_current <= last;
            last_column_current <= last_column;
            nonlinear_previous <= nonlinear_current;
            exponential_previous <= exponential_current;
            first_previous <= first_current;
            last_previous <= last_current;
            last_column_previous <= last_column_current;
        end else if (running) begin
            running <= ~window_ends;
            count <= count + 3'd1;
        end
endmodule
